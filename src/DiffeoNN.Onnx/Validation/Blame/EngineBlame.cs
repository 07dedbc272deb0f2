using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Validation.Comparing;
using DiffeoNN.Onnx.Validation.Reports;
using DiffeoNN.Onnx.Validation.Sources;

namespace DiffeoNN.Onnx.Validation.Blame;

/// <summary>Finds the node where two engines part on the same graph and inputs.</summary>
/// <param name="baseline">The engine to start from.</param>
/// <param name="other">The engine that disagrees.</param>
/// <param name="tolerance">What two values may differ by.</param>
/// <param name="folder">Where failing graphs go.</param>
internal sealed class EngineBlame(
    IValueSource baseline, IValueSource other, Func<OnnxTensor, OnnxTensor, Tolerance> tolerance, BlameFolder folder)
{
    /// <summary>Beyond so many nodes not each one is run alone.</summary>
    private const int MostRunAlone = 500;

    private readonly Disagreement _disagreement = new(ComparedQuantity.Output, other.Name, baseline.Name);

    /// <summary>Finds the node.</summary>
    /// <param name="title">What messages and folders call the graph.</param>
    /// <param name="model">The graph, functions inlined.</param>
    /// <param name="inputs">By name.</param>
    /// <param name="outputs">The outputs that disagree.</param>
    /// <param name="cancellationToken">Stops between two runs.</param>
    public BlameReport Find(
        string title, OnnxModel model, IReadOnlyDictionary<string, OnnxTensor> inputs, IReadOnlyList<string> outputs,
        CancellationToken cancellationToken)
    {
        var walk = new GraphWalk(model.Graph);
        var leading = walk.Leading(outputs);
        List<string> names = [.. leading.SelectMany(node => node.Outputs).Where(output => output.Length > 0)];
        IReadOnlyDictionary<string, OnnxTensor> expected, found;
        try
        {
            expected = baseline.Run(model, title, inputs, names, cancellationToken);
            found = other.Run(model, title, inputs, names, cancellationToken);
        }
        catch (GraphException error)
        {
            return Nothing($"The values between inputs and outputs cannot be had: {error.Message}");
        }

        var values = new Dictionary<string, OnnxTensor>(expected, StringComparer.Ordinal);
        foreach (var (name, tensor) in inputs) values[name] = tensor;
        var differs =
            names.Where(name => expected.ContainsKey(name) && found.ContainsKey(name) && !Compare(expected[name], found[name]).Agrees)
                .ToHashSet(StringComparer.Ordinal);
        // A node whose inputs agree and whose outputs do not.
        var suspects = leading.Where(node => node.Outputs.Any(differs.Contains) && !GraphWalk.Reads(node).Any(differs.Contains)).ToList();
        foreach (var node in suspects.Concat(leading.Count <= MostRunAlone ? leading.Except(suspects) : []))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (Alone(model, [node], Kept(node, values), values, cancellationToken) is { } failure)
                return Blame(failure, isFirst: suspects.Contains(node));
        }

        return Fused(title, model, inputs, outputs, walk, values, cancellationToken)
            ?? (suspects.Count == 0
                ? Nothing("Every value agrees once all of them are asked for, and no part of the graph disagrees alone.")
                : Unconfirmed(suspects[0]));

        BlameReport Unconfirmed(OnnxNode node)
        {
            var value = node.Outputs.First(differs.Contains);
            var difference = Compare(expected[value], found[value]);
            return _disagreement.Report([node], value, difference, false, null,
                $"{GraphWalk.Describe(node)} is the first node whose output differs while its inputs agree ("
                + $"{ReportText.Verdict(difference)}), but alone it agrees: it makes a small difference of its inputs larger.");
        }

        BlameReport Blame(Failure failure, bool isFirst)
        {
            var node = GraphWalk.Describe(failure.Graph.Nodes[0]);
            var path = folder.Save($"{title}-{other.Name}-output", failure.Graph, failure.Expected);
            return _disagreement.Report(failure.Graph.Nodes, failure.Value, failure.Difference, true, path,
                $"{node} is {(isFirst ? "the first node" : "a node")} where {other.Name} parts from {baseline.Name}: "
                + $"{(isFirst ? "its inputs agree, " : "")}alone on the same inputs "
                + $"its output '{failure.Value}' differs ({ReportText.Verdict(failure.Difference)}).");
        }
    }

    /// <summary>
    /// Nodes that disagree only together, because an engine fuses them:
    /// the first value that differs when it alone is asked for, and as many nodes before it as are needed.
    /// </summary>
    private BlameReport? Fused(
        string title, OnnxModel model, IReadOnlyDictionary<string, OnnxTensor> inputs, IReadOnlyList<string> outputs, GraphWalk walk,
        Dictionary<string, OnnxTensor> values, CancellationToken cancellationToken)
    {
        List<string> chain = [.. walk.Leading(outputs)
            .SelectMany(node => node.Outputs)
            .Where(value => values.TryGetValue(value, out var tensor) && tensor.ElementType.IsFloat())];
        if (chain.Count == 0 || !Differs(chain[^1])) return null;
        // Where a value differs those behind it mostly do, too.
        var (low, high) = (0, chain.Count - 1);
        while (low < high)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var middle = (low + high) / 2;
            (low, high) = Differs(chain[middle]) ? (low, middle) : (middle + 1, high);
        }

        var value = chain[low];
        var group = new List<OnnxNode> { walk.Maker(value)! };
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (Alone(model, group, [value], values, cancellationToken) is { } failure)
            {
                var list = string.Join(", ", group.Select(GraphWalk.Describe));
                return _disagreement.Report(
                    group, value, failure.Difference, true, folder.Save($"{title}-{other.Name}-output", failure.Graph, failure.Expected),
                    $"{other.Name} parts from {baseline.Name} in {list}: each of them alone agrees, "
                    + $"together they do not ({ReportText.Verdict(failure.Difference)}), so the engine's fusion of them is to blame.");
            }

            var more = group.SelectMany(GraphWalk.Reads).Select(walk.Maker).OfType<OnnxNode>().Except(group).Distinct().ToList();
            if (more.Count == 0) return null;
            group = [.. group.Concat(more).OrderBy(walk.Place)];
        }

        bool Differs(string name)
        {
            try
            {
                return !Compare(values[name], other.Run(model, title, inputs, [name], cancellationToken)[name]).Agrees;
            }
            catch (GraphException)
            {
                return true;
            }
        }
    }

    /// <summary>Runs nodes alone in both engines.</summary>
    /// <returns>How they differ; null where they agree or cannot be run alone.</returns>
    private Failure? Alone(
        OnnxModel model, IReadOnlyList<OnnxNode> nodes, IReadOnlyList<string> outputs, Dictionary<string, OnnxTensor> values,
        CancellationToken cancellationToken)
    {
        if (outputs.Count == 0 || Subgraph.Cut(model, nodes, outputs, values) is not { } graph) return null;
        try
        {
            var expected = baseline.Run(graph.Model, "part", graph.Inputs, outputs, cancellationToken);
            var found = other.Run(graph.Model, "part", graph.Inputs, outputs, cancellationToken);
            return outputs.Where(expected.ContainsKey).Select(
                name => new Failure(graph, expected, name, Compare(expected[name], found[name])))
                .FirstOrDefault(failure => !failure.Difference.Agrees);
        }
        catch (GraphException)
        {
            return null;
        }
    }

    private static List<string> Kept(OnnxNode node, Dictionary<string, OnnxTensor> values) => [.. node.Outputs.Where(values.ContainsKey)];

    private TensorComparison Compare(OnnxTensor a, OnnxTensor b) => TensorComparison.Of(a, b, tolerance(a, b));

    private BlameReport Nothing(string reason) =>
        _disagreement.Unexplained($"No node was found where {other.Name} parts from {baseline.Name}. {reason}");

    private sealed record Failure(
        Subgraph Graph, IReadOnlyDictionary<string, OnnxTensor> Expected, string Value, TensorComparison Difference);
}
