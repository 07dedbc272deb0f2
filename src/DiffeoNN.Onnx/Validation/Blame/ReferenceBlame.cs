using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Validation.Comparing;
using DiffeoNN.Onnx.Validation.Reports;
using DiffeoNN.Onnx.Validation.Sources;

namespace DiffeoNN.Onnx.Validation.Blame;

/// <summary>Finds the part of a graph that computes something else than the framework it was exported from.</summary>
/// <param name="engine">Runs the graph.</param>
/// <param name="tolerance">What two values may differ by.</param>
/// <param name="folder">Where failing graphs go.</param>
internal sealed class ReferenceBlame(IValueSource engine, Func<OnnxTensor, OnnxTensor, Tolerance> tolerance, BlameFolder folder)
{
    private const string HowToWrite = "python -m diffeonn_tools reference (in tools/pytorch) writes the outputs of every module of the "
        + "network; validate again with --reference on its folder";

    private readonly Disagreement _disagreement = new(ComparedQuantity.Output, engine.Name, ValidationSources.PyTorch);

    /// <summary>Finds the nodes between the last values that agree and the first that does not.</summary>
    /// <param name="title">What messages and folders call the graph.</param>
    /// <param name="model">The graph, functions inlined.</param>
    /// <param name="set">The reference.</param>
    /// <param name="outputs">The outputs that disagree.</param>
    /// <param name="cancellationToken">Stops between two runs.</param>
    public BlameReport Find(
        string title, OnnxModel model, ReferenceSet set, IReadOnlyList<string> outputs, CancellationToken cancellationToken)
    {
        var walk = new GraphWalk(model.Graph);
        var modules = set.Modules();
        // A module that another one wraps ends in the same value as that one; the inner one is the more precise name.
        var known = modules.Where(module => module.Value is { } value && walk.Maker(value) is not null)
            .DistinctBy(module => module.Value).ToList();
        if (known.Count == 0)
        {
            return _disagreement.Unexplained(modules.Count == 0
                ? "All engines agree with each other but not with PyTorch, so the exported graph computes something else. Which node does "
                    + $"cannot be told without values from inside the network: {HowToWrite}."
                : $"All engines agree with each other but not with PyTorch. The reference holds the outputs of {modules.Count} modules, "
                    + $"but reference.json beside it names no value of this graph for any of them: {HowToWrite}.");
        }

        List<string> names = [.. walk.Values];
        var found = engine.Run(model, title, set.Inputs, names, cancellationToken);
        var references = known.ToDictionary(module => module.Value!, module => (Title: $"{module.Type} '{module.Path}'", module.Output),
            StringComparer.Ordinal);
        foreach (var (name, tensor) in set.Outputs) references.TryAdd(name, ($"output '{name}'", tensor));
        var compared = references.Where(reference => found.ContainsKey(reference.Key))
            .ToDictionary(
                reference => reference.Key, reference => Compare(reference.Value.Output, found[reference.Key]), StringComparer.Ordinal);
        var agreeing = compared.Where(pair => pair.Value.Agrees).Select(pair => pair.Key).ToHashSet(StringComparer.Ordinal);
        // The first in the order of the graph: whatever disagrees behind it may follow from it.
        if (compared.Where(pair => !pair.Value.Agrees).OrderBy(pair => walk.PlaceOf(pair.Key)).FirstOrDefault() is not { Key: { } first,
            Value: { } difference })
            return _disagreement.Unexplained(
                $"The outputs {string.Join(", ", outputs)} disagree, but no value inside the network does.");
        var between = walk.Leading([first], agreeing.Contains);
        // What only computes shapes, and constants, are named where there is nothing else.
        var computing = between.Where(node => node.OpType != "Constant"
            && node.Outputs.Exists(output => found.TryGetValue(output, out var tensor) && tensor.ElementType.IsFloat())).ToList();
        var nodes = InScopeFirst(computing.Count > 0 ? computing : between, walk.Maker(first)!);
        var values = new Dictionary<string, OnnxTensor>(found, StringComparer.Ordinal);
        foreach (var (name, tensor) in set.Inputs) values[name] = tensor;
        var (confirmed, path) = Confirm(
            title, model, between, first, values, references.ToDictionary(pair => pair.Key, pair => pair.Value.Output), cancellationToken);
        var start = between.SelectMany(GraphWalk.Reads).Where(agreeing.Contains).Distinct()
            .Select(value => references[value].Title).ToList();
        var list = string.Join(", ", nodes.Take(6).Select(GraphWalk.Describe)) + (nodes.Count > 6 ? $" and {nodes.Count - 6} more" : "");
        return _disagreement.Report(nodes, first, difference, confirmed, path,
            $"The graph parts from PyTorch at {references[first].Title}: "
            + $"{(nodes.Count == 1 ? list : $"one of {list} (the most likely first)")} computes something else "
            + $"({ReportText.Verdict(difference)}); "
            + (start.Count > 0
                ? $"{string.Join(", ", start)} before {(nodes.Count == 1 ? "it" : "them")} still {(start.Count == 1 ? "agrees" : "agree")}."
                : "only the inputs lie before."));
    }

    /// <summary>
    /// Exporters name nodes by the path of their module: those of the module that ends in the value come first,
    /// and then what the code around it does with its inputs.
    /// </summary>
    private static List<OnnxNode> InScopeFirst(List<OnnxNode> nodes, OnnxNode last)
    {
        var scope = last.Name[..(last.Name.LastIndexOf('/') + 1)];
        return [.. nodes.OrderBy(node => node.Name.StartsWith(scope, StringComparison.Ordinal) ? 0 : 1)];
    }

    /// <summary>Runs the nodes on what PyTorch gave before them.</summary>
    private (bool Confirmed, string? Path) Confirm(
        string title, OnnxModel model, List<OnnxNode> nodes, string value, Dictionary<string, OnnxTensor> values,
        Dictionary<string, OnnxTensor> references,
        CancellationToken cancellationToken)
    {
        foreach (var (name, tensor) in references.Where(
            pair => pair.Key != value && values.TryGetValue(pair.Key, out var ours) && ours.ElementType == pair.Value.ElementType))
            values[name] = tensor;
        if (Subgraph.Cut(model, nodes, [value], values) is not { } graph) return (false, null);
        var alone = engine.Run(graph.Model, title, graph.Inputs, [value], cancellationToken)[value];
        if (Compare(references[value], alone).Agrees) return (false, null);
        return (true, folder.Save(
            $"{title}-{ValidationSources.PyTorch}-output", graph, new Dictionary<string, OnnxTensor> { [value] = references[value] }));
    }

    private TensorComparison Compare(OnnxTensor a, OnnxTensor b) => TensorComparison.Of(a, b, tolerance(a, b));
}
