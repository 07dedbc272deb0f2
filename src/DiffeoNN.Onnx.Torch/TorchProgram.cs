using System.Runtime.InteropServices;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using TorchSharp;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Torch;

/// <summary>A graph, its operators looked up, that runs on libtorch node after node and frees each value after its last use.</summary>
internal sealed class TorchProgram : IDisposable
{
    private readonly string _name;
    private readonly OnnxGraph _graph;
    private readonly int _opset;
    private readonly Step[] _steps;
    private readonly Dictionary<string, Tensor> _constants = new(StringComparer.Ordinal);
    private readonly Dictionary<OnnxGraph, TorchProgram> _bodies = [];

    /// <param name="name">What messages call the model.</param>
    /// <param name="graph">In an order in which it can run, without functions.</param>
    /// <param name="opset">At least 16.</param>
    /// <param name="operators">The table.</param>
    /// <param name="device">Where constants lie.</param>
    /// <exception cref="GraphException">Operators are not in the table, all named at once;
    /// or a constant's type is none of libtorch's.</exception>
    public TorchProgram(string name, OnnxGraph graph, int opset, TorchOperators operators, Device device)
    {
        _name = name;
        _graph = graph;
        _opset = opset;
        var missing = Nodes(graph).Where(node => operators.Find(node, opset) is null).ToList();
        if (missing.Count > 0)
        {
            var list = missing.GroupBy(node => (node.Domain, node.OpType))
                .Select(group => $"{(group.Key.Domain.Length > 0 ? group.Key.Domain + "." : "")}{group.Key.OpType} "
                    + $"({group.Count()}, first {group.First()})");
            throw new GraphException(
                $"Model '{name}': the torch engine lacks {string.Join(", ", list)}; run it with the engine onnxruntime.",
                new NotSupportedException());
        }

        try
        {
            foreach (var (key, tensor) in graph.Initializers)
                _constants[key] = Place(TorchTensors.ToTorch(tensor), device);
            foreach (var node in graph.Nodes.Where(IsConstant))
                _constants[node.Outputs[0]] = Constant(node, operators, device);
            foreach (var body in graph.Nodes.SelectMany(node => node.Attributes.Values).SelectMany(attribute => attribute.Graphs))
                _bodies[body] = new TorchProgram(name, body, opset, operators, device);
        }
        catch
        {
            Dispose();
            throw;
        }

        _steps = Plan(operators);
    }

    /// <summary>Runs the graph.</summary>
    /// <param name="inputs">By name; stay the caller's.</param>
    /// <param name="wanted">Names of any values.</param>
    /// <param name="outer">Finds values of the graphs around this one.</param>
    /// <param name="observe">Called with every value as it is made, before it may be freed.</param>
    /// <param name="cancellationToken">Stops between two nodes.</param>
    /// <returns>The wanted values, in the caller's dispose scope; they may share memory with inputs and constants.</returns>
    public IReadOnlyList<Tensor> Run(
        IReadOnlyDictionary<string, Tensor> inputs,
        IReadOnlyList<string> wanted,
        Func<string, Tensor?>? outer = null,
        Action<string, Tensor>? observe = null,
        CancellationToken cancellationToken = default)
    {
        using var scope = NewDisposeScope();
        var values = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        var kept = wanted.ToHashSet(StringComparer.Ordinal);
        foreach (var step in _steps)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var outputs = Evaluate(step, Find, cancellationToken);
            for (var i = 0; i < step.Node.Outputs.Count; i++)
            {
                var name = step.Node.Outputs[i];
                if (name.Length == 0) continue;
                values[name] = i < outputs.Count && outputs[i] is { } output ? output
                    : throw new GraphException($"Model '{_name}': {step.Node} has no output {i} ('{name}') in the torch engine.");
                observe?.Invoke(name, values[name]);
            }

            foreach (var name in step.Released)
                if (!kept.Contains(name) && values.Remove(name, out var value)) value.Dispose();
        }

        return [.. wanted.Select(name => values.TryGetValue(name, out var value) ? value.alias().MoveToOuterDisposeScope()
            : Find(name)?.alias().MoveToOuterDisposeScope() ?? throw new GraphException($"Model '{_name}' has no value '{name}'."))];

        Tensor? Find(string name) =>
            values.GetValueOrDefault(name) ?? inputs.GetValueOrDefault(name) ?? _constants.GetValueOrDefault(name) ?? outer?.Invoke(name);
    }

    /// <summary>Whether a tensor shares memory with a constant of the graph.</summary>
    public bool Owns(nint address) =>
        _constants.Values.Any(constant => TorchGraph.Holds(constant, address)) || _bodies.Values.Any(body => body.Owns(address));

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var constant in _constants.Values) constant.Dispose();
        foreach (var body in _bodies.Values) body.Dispose();
    }

    private static IEnumerable<OnnxNode> Nodes(OnnxGraph graph) =>
        graph.Nodes.Concat(
            graph.Nodes.SelectMany(node => node.Attributes.Values).SelectMany(attribute => attribute.Graphs).SelectMany(Nodes));

    private static bool IsConstant(OnnxNode node) => node is { OpType: "Constant", Domain: "" };

    private Tensor Constant(OnnxNode node, TorchOperators operators, Device device)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        var context = new TorchNode(node, _opset, [], (_, _) => throw new GraphException($"Model '{_name}': {node} has a body."));
        return Place(operators.Find(node, _opset)!.Function(context)[0]!.MoveToOuterDisposeScope(), device);
    }

    /// <summary>Shapes, axes and the like stay on the CPU, where they are read; all else goes where it is computed with.</summary>
    private static Tensor Place(Tensor here, Device device)
    {
        var isSmall = here.dim() <= 1 && here.NumberOfElements <= 64 && !here.is_floating_point();
        if (isSmall || device.type == DeviceType.CPU) return here.DetachFromDisposeScope();
        using (here) return here.to(device).DetachFromDisposeScope();
    }

    private IReadOnlyList<Tensor?> Evaluate(Step step, Func<string, Tensor?> find, CancellationToken cancellationToken)
    {
        using var scope = NewDisposeScope();
        Tensor?[] inputs = [.. step.Node.Inputs.Select(name => name.Length == 0 ? null
            : find(name) ?? throw new GraphException($"Model '{_name}': {step.Node} reads '{name}', which nothing makes."))];
        var node = new TorchNode(step.Node, _opset, inputs, RunBody);
        try
        {
            var outputs = step.Operator.Function(node);
            return [.. outputs.Select(output => output is null ? null
                : (inputs.Contains(output, ReferenceEqualityComparer.Instance) ? output.alias() : output).MoveToOuterDisposeScope())];
        }
        catch (Exception error) when (IsFailure(error))
        {
            throw new GraphException(
                $"Model '{_name}': {step.Node} failed on inputs {Describe(inputs)}: {FirstLine(error.Message)}", error);
        }

        IReadOnlyList<Tensor> RunBody(OnnxGraph body, IReadOnlyList<Tensor> given)
        {
            if (given.Count != body.Inputs.Count)
                throw new GraphException($"Model '{_name}': a body of {step.Node} has {body.Inputs.Count} inputs and gets {given.Count}.");
            var named = body.Inputs.Zip(given).ToDictionary(pair => pair.First.Name, pair => pair.Second, StringComparer.Ordinal);
            return _bodies[body].Run(named, [.. body.Outputs.Select(output => output.Name)], find, null, cancellationToken);
        }
    }

    /// <summary>What libtorch throws, TorchSharp before it asks libtorch, and an operator's function over inputs that it was not made
    /// for.</summary>
    private static bool IsFailure(Exception error) =>
        error is ExternalException or ArgumentException or IndexOutOfRangeException or InvalidOperationException
            or ArithmeticException or NotSupportedException or NotImplementedException or KeyNotFoundException or InvalidCastException
            or OnnxModelException;

    private static string Describe(IEnumerable<Tensor?> inputs) => string.Join(", ", inputs.Select(input => input is null
        ? "none" : $"{input.dtype.ToString().ToLowerInvariant()} [{string.Join(",", input.shape)}]"));

    private static string FirstLine(string message) => message.AsSpan().Trim().ToString().Split('\n')[0].TrimEnd('.', '\r') + ".";

    /// <summary>Looks up operators, and what is last read by which node.</summary>
    private Step[] Plan(TorchOperators operators)
    {
        var last = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < _graph.Nodes.Count; i++)
        {
            foreach (var name in _graph.Nodes[i].Outputs.Concat(Read(_graph.Nodes[i])))
                last[name] = i;
        }

        foreach (var output in _graph.Outputs) last.Remove(output.Name);
        var released = last.ToLookup(pair => pair.Value, pair => pair.Key);
        return [.. _graph.Nodes.Index()
            .Where(pair => !IsConstant(pair.Item))
            .Select(pair => new Step(pair.Item, operators.Find(pair.Item, _opset)!, [.. released[pair.Index]]))];
    }

    /// <summary>What a node reads, in its bodies too.</summary>
    private static IEnumerable<string> Read(OnnxNode node) => node.Inputs.Concat(
        node.Attributes.Values.SelectMany(attribute => attribute.Graphs)
            .SelectMany(graph => graph.Nodes.SelectMany(Read).Concat(graph.Outputs.Select(output => output.Name))));

    private sealed record Step(OnnxNode Node, TorchOperator Operator, string[] Released);
}
