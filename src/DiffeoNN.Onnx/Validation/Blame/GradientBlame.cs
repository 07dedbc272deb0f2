using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Validation.Comparing;
using DiffeoNN.Onnx.Validation.Differences;
using DiffeoNN.Onnx.Validation.Reports;
using DiffeoNN.Onnx.Validation.Sources;

namespace DiffeoNN.Onnx.Validation.Blame;

/// <summary>
/// Finds the nodes whose derivative is wrong: each node alone, on the values it ran on and with the gradient that really arrived at its
/// outputs, is differentiated by the compiler and by libtorch, or checked by finite differences where libtorch cannot.
/// </summary>
/// <param name="forward">Runs the graph forward.</param>
/// <param name="compiled">The gradient compiler.</param>
/// <param name="automatic">libtorch's autograd; null where it does not take part.</param>
/// <param name="folder">Where failing graphs go.</param>
internal sealed class GradientBlame(IValueSource forward, CompiledGradientSource compiled, IGradientSource? automatic, BlameFolder folder)
{
    /// <summary>Finds the nodes.</summary>
    /// <param name="title">What messages and folders call the graph.</param>
    /// <param name="model">The graph, functions inlined.</param>
    /// <param name="inputs">By name.</param>
    /// <param name="upstream">Gradients of outputs.</param>
    /// <param name="source">Who disagrees.</param>
    /// <param name="baseline">With whom.</param>
    /// <param name="seed">Of the elements and directions that are compared.</param>
    /// <param name="threads">Cores; 0 for all.</param>
    /// <param name="cancellationToken">Stops between two runs.</param>
    public BlameReport Find(
        string title, OnnxModel model, IReadOnlyDictionary<string, OnnxTensor> inputs, IReadOnlyDictionary<string, OnnxTensor> upstream,
        string source, string baseline, int seed, int threads, CancellationToken cancellationToken)
    {
        var walk = new GraphWalk(model.Graph);
        var leading = walk.Leading(upstream.Keys);
        var values = new Dictionary<string, OnnxTensor>(inputs, StringComparer.Ordinal);
        foreach (var (name, tensor) in forward.Run(
            model, title, inputs, [.. leading.SelectMany(node => node.Outputs).Where(output => output.Length > 0)], cancellationToken))
            values[name] = tensor;
        var arrived = Arrived(title, model, inputs, upstream, values, cancellationToken);
        var disagreement = new Disagreement(ComparedQuantity.Gradient, source, baseline);
        var failures = new List<Failure>();
        foreach (var node in Enumerable.Reverse(leading))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (Check(model, node, values, arrived, seed, threads, cancellationToken) is { } failure) failures.Add(failure);
        }

        if (failures.Count == 0)
        {
            return disagreement.Unexplained(
                "No node was found whose derivative is wrong: each of them alone agrees. Kinks, where rounding decides on the derivative, "
                + "or rounding that adds up over the nodes remain; compare with --seed for other inputs.");
        }

        var first = failures[0];
        var path = folder.Save($"{title}-{source}-gradient", first.Graph, first.Outputs, first.Gradients, first.Backward);
        var operators = string.Join(", ", failures.Select(failure => failure.Node.OpType).Distinct());
        return disagreement.Report(failures.Select(failure => failure.Node), first.Input, first.Difference, confirmed: true, path,
            $"The derivative of {string.Join(", ", failures.Take(6).Select(failure => GraphWalk.Describe(failure.Node)))}"
            + $"{(failures.Count > 6 ? $" and {failures.Count - 6} more" : "")} is wrong in {first.Culprit}: "
            + $"alone, with the gradient that arrives there, the derivative by '{first.Input}' differs ({first.Reason}). "
            + $"{(first.Culprit == ValidationSources.Compiled ? "Look at the gradient rule" : "Look at the operator")} of {operators}.");
    }

    /// <summary>Gradients that arrive at every value; random ones where libtorch cannot tell.</summary>
    private Dictionary<string, OnnxTensor> Arrived(
        string title, OnnxModel model, IReadOnlyDictionary<string, OnnxTensor> inputs, IReadOnlyDictionary<string, OnnxTensor> upstream,
        Dictionary<string, OnnxTensor> values, CancellationToken cancellationToken)
    {
        List<string> floats = [.. values.Where(pair => pair.Value.ElementType.IsFloat()).Select(pair => pair.Key)];
        try
        {
            // An upstream gradient arrives at the output itself as well.
            if (automatic is not null)
                return new(automatic.Run(model, title, inputs, upstream, floats, cancellationToken), StringComparer.Ordinal);
        }
        catch (GraphException)
        {
            // Random ones tell as well whether a derivative is right.
        }

        var drawn = new CheckInputs(new GradientCheckOptions(), new Random(1));
        return floats.ToDictionary(name => name, name => drawn.Normal(name, values[name].ElementType, values[name].Dimensions),
            StringComparer.Ordinal);
    }

    /// <summary>Differentiates one node alone.</summary>
    /// <returns>How its derivative is wrong; null where it is right or there is none.</returns>
    private Failure? Check(
        OnnxModel model, OnnxNode node, Dictionary<string, OnnxTensor> values, Dictionary<string, OnnxTensor> arrived,
        int seed, int threads, CancellationToken cancellationToken)
    {
        List<string> outputs = [.. node.Outputs.Where(output => arrived.ContainsKey(output) && values[output].ElementType.IsFloat())];
        if (outputs.Count == 0 || Subgraph.Cut(model, [node], outputs, values) is not { } graph) return null;
        List<string> by = [.. graph.Inputs.Keys.Where(input => arrived.ContainsKey(input) && graph.Inputs[input].ElementType.IsFloat())];
        var upstream = outputs.ToDictionary(name => name, name => arrived[name], StringComparer.Ordinal);
        if (by.Count == 0 || upstream.Values.All(IsZero)) return null;
        OnnxModel backward;
        IReadOnlyDictionary<string, OnnxTensor> ours;
        try
        {
            backward = compiled.Compile(graph.Model, by, outputs);
            ours = compiled.RunCompiled(backward, "part", graph.Inputs, upstream, by, cancellationToken);
        }
        catch (Exception error) when (error is GradientException or GraphException)
        {
            return null;
        }

        var theirs = Theirs(graph, upstream, by, cancellationToken);
        var exact = theirs is null
            ? null
            : GradientRounding.InDouble(automatic!, graph.Model, "part", graph.Inputs, upstream, by, cancellationToken);
        var reasons = new List<(string Input, TensorComparison Difference)>();
        foreach (var name in by.Where(name => theirs?.ContainsKey(name) == true))
        {
            var tolerance = Tolerance.OfGradient(TensorComparison.LessPrecise(theirs![name].ElementType, ours[name].ElementType));
            if (exact?.TryGetValue(name, out var unrounded) == true)
                tolerance = GradientRounding.Widen(tolerance, GradientRounding.Of(unrounded, theirs[name]));
            var difference = TensorComparison.Of(theirs[name], ours[name], tolerance);
            if (!difference.Agrees) reasons.Add((name, difference));
        }

        if (theirs is not null && reasons.Count == 0) return null;
        var isOursWrong = Differences(graph, backward, upstream, seed, threads, cancellationToken) is { } wrong ? wrong : (bool?)null;
        if (theirs is null && isOursWrong != true) return null;
        var gradients = new Dictionary<string, OnnxTensor>(upstream, StringComparer.Ordinal);
        foreach (var name in by) gradients[name] = (theirs ?? ours)[name];
        var expected = outputs.ToDictionary(name => name, name => values[name], StringComparer.Ordinal);
        return new Failure(node, graph, backward, expected, gradients, reasons.Count > 0 ? reasons[0].Input : by[0],
            reasons.Count > 0 ? reasons[0].Difference : null,
            isOursWrong == false ? ValidationSources.Torch : ValidationSources.Compiled);
    }

    private IReadOnlyDictionary<string, OnnxTensor>? Theirs(
        Subgraph graph, Dictionary<string, OnnxTensor> upstream, List<string> by, CancellationToken cancellationToken)
    {
        try
        {
            return automatic?.Run(graph.Model, "part", graph.Inputs, upstream, by, cancellationToken);
        }
        catch (GraphException)
        {
            return null;
        }
    }

    /// <summary>Whether finite differences contradict the compiled derivative; null where they say nothing.</summary>
    private static bool? Differences(
        Subgraph graph, OnnxModel backward, Dictionary<string, OnnxTensor> upstream, int seed, int threads,
        CancellationToken cancellationToken)
    {
        var suffix = new GradientOptions().Suffix;
        var data = new Dictionary<string, OnnxTensor>(graph.Inputs, StringComparer.Ordinal);
        foreach (var (name, tensor) in upstream)
            if (GradientCompiler.UpstreamOf(backward, name, suffix) is { } taken) data[taken] = tensor;
        try
        {
            var result = GradientCheck.Run(graph.Model, backward, new GradientCheckOptions
            {
                Gradient = new GradientOptions { Outputs = [.. upstream.Keys] }, Data = data, Seed = seed, Samples = 16,
                Directions = 4, Threads = threads,
            }, cancellationToken);
            return result.Inputs.Any(input => input.IsWrong) ? true : result.Inputs.Any(input => input.IsDecided) ? false : null;
        }
        catch (Exception error) when (error is GraphException or TensorDataException)
        {
            return null;
        }
    }

    private static bool IsZero(OnnxTensor tensor) => Array.TrueForAll(tensor.ToDoubleArray(), value => value == 0);

    private sealed record Failure(
        OnnxNode Node, Subgraph Graph, OnnxModel Backward, Dictionary<string, OnnxTensor> Outputs, Dictionary<string, OnnxTensor> Gradients,
        string Input,
        TensorComparison? Difference, string Culprit)
    {
        public string Reason => Difference is { } difference ? ReportText.Verdict(difference) : "by finite differences";
    }
}
