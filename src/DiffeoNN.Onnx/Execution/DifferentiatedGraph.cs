using TorchSharp;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Execution;

/// <summary>A graph with one output more: the derivative of the sum of another output by an input,
/// by libtorch's own differentiation.</summary>
/// <remarks>The interface is that of a compiled backward graph, so that whoever runs one need not know which it is.</remarks>
internal sealed class DifferentiatedGraph : IGraph
{
    private readonly IDifferentiableGraph _graph;
    private readonly string _input;
    private readonly string _output;
    private readonly string _gradient;

    /// <param name="graph">Owned.</param>
    /// <param name="input">Name of the input to differentiate by.</param>
    /// <param name="output">Name of the output whose sum is differentiated.</param>
    /// <param name="gradient">Name of the output that is added.</param>
    public DifferentiatedGraph(IDifferentiableGraph graph, string input, string output, string gradient)
    {
        _graph = graph;
        (_input, _output, _gradient) = (input, output, gradient);
        Outputs = [.. graph.Outputs, graph.Inputs.First(declared => declared.Name == input) with { Name = gradient }];
    }

    /// <inheritdoc/>
    public string Name => _graph.Name;

    /// <inheritdoc/>
    public IReadOnlyList<GraphTensor> Inputs => _graph.Inputs;

    /// <inheritdoc/>
    public IReadOnlyList<GraphTensor> Outputs { get; }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, Tensor> Run(
        IReadOnlyDictionary<string, Tensor> inputs,
        IReadOnlyCollection<string>? outputNames = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        if (outputNames is not null && !outputNames.Contains(_gradient)) return _graph.Run(inputs, outputNames, cancellationToken);
        if (outputNames?.FirstOrDefault(name => Outputs.All(output => output.Name != name)) is { } unknown)
            throw new GraphException($"Model '{Name}' has no output '{unknown}'. Outputs: {string.Join("; ", Outputs)}.");
        if (!inputs.TryGetValue(_input, out var given)) throw new GraphException($"Model '{Name}' needs input '{_input}'.");
        using var differentiated = enable_grad();
        using var scope = NewDisposeScope();
        var x = given.detach().requires_grad_(true);
        string[] plain = [.. (outputNames ?? [.. Outputs.Select(output => output.Name)]).Distinct().Where(name => name != _gradient)];
        var values = _graph.RunValues(new Dictionary<string, Tensor>(inputs) { [_input] = x }, [.. plain.Append(_output).Distinct()], null,
            cancellationToken);
        var sum = values[_output].sum();
        // An energy that does not depend on the image has the gradient zero.
        var gradient = sum.requires_grad ? TensorDerivatives.Of([sum], [x], [ones_like(sum)])[0] : null;
        var results = plain.ToDictionary(name => name, name => values[name].detach().contiguous().clone().MoveToOuterDisposeScope(),
            StringComparer.Ordinal);
        results[_gradient] = (gradient is null ? zeros_like(x) : gradient.contiguous()).detach().MoveToOuterDisposeScope();
        return results;
    }

    /// <inheritdoc/>
    public void Dispose() => _graph.Dispose();
}
