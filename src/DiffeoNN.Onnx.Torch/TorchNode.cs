using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using TorchSharp;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Torch;

/// <summary>A node with the values of its inputs, as its operator's function sees it.</summary>
internal sealed class TorchNode
{
    private readonly IReadOnlyList<Tensor?> _inputs;
    private readonly Func<OnnxGraph, IReadOnlyList<Tensor>, IReadOnlyList<Tensor>> _run;

    /// <param name="node">The node.</param>
    /// <param name="opset">Version of the ai.onnx operator set.</param>
    /// <param name="inputs">By position; null for inputs that the node leaves out.</param>
    /// <param name="run">Runs one of the node's graphs.</param>
    public TorchNode(
        OnnxNode node, int opset, IReadOnlyList<Tensor?> inputs, Func<OnnxGraph, IReadOnlyList<Tensor>, IReadOnlyList<Tensor>> run)
    {
        Node = node;
        Opset = opset;
        _inputs = inputs;
        _run = run;
        Device = inputs.FirstOrDefault(input => input is not null && input.device_type != DeviceType.CPU)?.device ?? CPU;
    }

    /// <summary>The node: its attributes.</summary>
    public OnnxNode Node { get; }

    /// <summary>Version of the ai.onnx operator set, at least 16.</summary>
    public int Opset { get; }

    /// <summary>Where the node computes: the GPU as soon as one of its inputs lies there.</summary>
    public Device Device { get; }

    /// <summary>Number of inputs, with those left out in between.</summary>
    public int Count => _inputs.Count;

    /// <summary>First input.</summary>
    public Tensor X => Input(0);

    /// <summary>Every input that is there.</summary>
    public IEnumerable<Tensor> Inputs => Enumerable.Range(0, Count).Where(Has).Select(Input);

    /// <summary>Whether an input is there.</summary>
    public bool Has(int input) => input < _inputs.Count && _inputs[input] is not null;

    /// <summary>Whether the node names an output, so that it is worth computing.</summary>
    public bool Wants(int output) => output < Node.Outputs.Count && Node.Outputs[output].Length > 0;

    /// <summary>An input, on <see cref="Device"/>; not to be disposed or changed.</summary>
    /// <exception cref="GraphException">The node leaves it out.</exception>
    public Tensor Input(int index)
    {
        var input = Has(index) ? _inputs[index]! : throw Refuse($"lacks input {index}");
        return input.device_type == Device.type ? input : input.to(Device);
    }

    /// <summary>An input, or null where the node leaves it out.</summary>
    public Tensor? Optional(int index) => Has(index) ? Input(index) : null;

    /// <summary>The integers of an input: shapes, axes, counts. Read to the CPU.</summary>
    public long[] Integers(int index)
    {
        var input = Has(index) ? _inputs[index]! : throw Refuse($"lacks input {index}");
        using var scope = NewDisposeScope();
        return input.to(ScalarType.Int64).cpu().contiguous().data<long>().ToArray();
    }

    /// <summary>The numbers of an input. Read to the CPU.</summary>
    public double[] Numbers(int index)
    {
        var input = Has(index) ? _inputs[index]! : throw Refuse($"lacks input {index}");
        using var scope = NewDisposeScope();
        return input.detach().to(ScalarType.Float64).cpu().contiguous().data<double>().ToArray();
    }

    /// <summary>Integers that are an attribute in old versions and an input in new ones; null where absent.</summary>
    public long[]? IntegersOf(string attribute, int input) => Has(input) ? Integers(input) : Node.GetInts(attribute)?.ToArray();

    /// <summary>An integer attribute.</summary>
    public long Int(string name, long fallback) => Node.GetInt(name, fallback);

    /// <summary>A float attribute; the shortest decimal that is this float, so that 0.2f counts as 0.2.</summary>
    public double Float(string name, float fallback) => Node.GetFloat(name, fallback);

    /// <summary>A text attribute.</summary>
    public string Text(string name, string fallback) => Node.GetString(name, fallback);

    /// <summary>A list of integers; null where the node does not have it.</summary>
    public long[]? Ints(string name) => Node.GetInts(name)?.ToArray();

    /// <summary>An axis counted from 0.</summary>
    /// <exception cref="GraphException">It lies outside the rank.</exception>
    public int Axis(long axis, long rank)
    {
        var result = axis < 0 ? axis + rank : axis;
        return result >= 0 && result < Math.Max(rank, 1) ? (int)result : throw Refuse($"has axis {axis}; its input has {rank} dimensions");
    }

    /// <summary>Runs a graph among the node's attributes.</summary>
    /// <param name="name">The attribute.</param>
    /// <param name="inputs">In the order of the graph's inputs; stay the caller's.</param>
    /// <returns>The graph's outputs, in the caller's dispose scope.</returns>
    public IReadOnlyList<Tensor> Run(string name, params IReadOnlyList<Tensor> inputs) => _run(Node.Attributes[name].Graph, inputs);

    /// <summary>A refusal that names the node.</summary>
    public GraphException Refuse(string problem) => new($"{Node} {problem}.");
}
