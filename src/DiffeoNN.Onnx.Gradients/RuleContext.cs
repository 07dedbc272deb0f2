namespace DiffeoNN.Onnx.Gradients;

/// <summary>A node as its gradient rule sees it: inputs, outputs and the gradients that arrive.</summary>
public sealed class RuleContext
{
    private readonly Value?[] _gradients;

    internal RuleContext(OnnxNode node, GraphBuilder builder, Value?[] gradients, IReadOnlyList<int> wanted)
    {
        Node = node;
        Builder = builder;
        Wanted = wanted;
        _gradients = gradients;
    }

    /// <summary>Inputs whose gradients are asked for.</summary>
    public IReadOnlyList<int> Wanted { get; }

    /// <summary>The node, with its attributes. A rule reads it and leaves it as it is.</summary>
    public OnnxNode Node { get; }

    /// <summary>Number of inputs, absent ones in the middle included.</summary>
    public int Count => Node.Inputs.Count;

    /// <summary>Version of the ai.onnx operator set that nodes are made for, at least
    /// <see cref="GradientCompiler.MinimumOpset"/>.</summary>
    public int Opset => Builder.Opset;

    /// <summary>Version of the node's own operator set.</summary>
    public int Version => Builder.VersionOf(Node.Domain);

    /// <summary>What the graph is to be fast on.</summary>
    public GradientTarget Target => Builder.Target;

    /// <summary>First input.</summary>
    public Value X => Input(0);

    /// <summary>First output.</summary>
    public Value Y => Builder[Node.Outputs[0]];

    /// <summary>Gradient with respect to the first output.</summary>
    public Value dY => Gradient(0);

    internal GraphBuilder Builder { get; }

    /// <summary>The node and what is known about its inputs.</summary>
    public InferenceContext Shapes =>
        new(Node, name => Builder.Contains(name) ? Builder[name].Facts : ValueFacts.None) { Operators = Builder.Operators };

    /// <summary>Whether an optional input is there.</summary>
    public bool Has(int input) => Node.Input(input).Length > 0;

    /// <summary>An input.</summary>
    /// <exception cref="OnnxModelException">The node lacks it.</exception>
    public Value Input(int index) =>
        Has(index) ? Builder[Node.Inputs[index]] : throw new OnnxModelException($"{Node} lacks input {index}.");

    /// <summary>An output, which the node is given where the model does not name it. A body (<see cref="GradientRule.Expanded"/>)
    /// has none to read.</summary>
    public Value Output(int index)
    {
        while (Node.Outputs.Count <= index)
            Node.Outputs.Add("");
        if (Node.Outputs[index].Length > 0)
            return Builder[Node.Outputs[index]];
        var name = Node.Outputs[index] = Builder.AddOutput($"output{index}", ValueFacts.None).Name;
        return Builder.Add(
            name, ShapeInference.Infer(Node, input => Builder[input].Facts, operators: Builder.Operators).First(o => o.Name == name).Facts);
    }

    /// <summary>Whether the model uses an output differentiably; where it does not, the gradient is zero.</summary>
    public bool HasGradient(int output) => output < _gradients.Length && _gradients[output] is not null;

    /// <summary>Gradient with respect to an output; zeros where nothing depends on that output.</summary>
    public Value Gradient(int output) => _gradients[output] ?? Zeros(Builder[Node.Outputs[output]]);

    /// <summary>Zeros in the shape of a value.</summary>
    public Value Zeros(Value like)
    {
        ArgumentNullException.ThrowIfNull(like);
        return like.Like(0).ExpandLike(like);
    }

    /// <summary>Adds a node of ai.onnx with one output and no attributes to the emitted graph, or finds an equal one. What is constant
    /// is computed at once.</summary>
    /// <param name="opType">The operator.</param>
    /// <param name="inputs">Its inputs.</param>
    public Value Op(string opType, params ReadOnlySpan<Value> inputs) => Builder.Op(opType, inputs);

    /// <summary>Adds a node to the emitted graph, or finds an equal one.</summary>
    /// <param name="opType">The operator.</param>
    /// <param name="inputs">Its inputs; null for absent ones.</param>
    /// <param name="attributes">Its attributes.</param>
    /// <param name="outputs">Number of its outputs.</param>
    /// <param name="domain">Its operator set's domain; empty for ai.onnx.</param>
    /// <returns>The outputs.</returns>
    public IReadOnlyList<Value> Add(
        string opType, IEnumerable<Value?> inputs, IEnumerable<OnnxAttribute>? attributes = null, int outputs = 1, string domain = "")
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(outputs, 1);
        var node = new OnnxNode(opType, inputs.Select(i => i?.Name ?? ""), [], attributes ?? [])
            { Domain = OnnxModel.NormaliseDomain(domain) };
        while (node.Inputs.Count > 0 && node.Inputs[^1].Length == 0)
            node.Inputs.RemoveAt(node.Inputs.Count - 1);
        return Builder.Node(node, outputs);
    }

    /// <summary>Joins values along an axis.</summary>
    public Value Concat(int axis, params ReadOnlySpan<Value> values) => Builder.Concat(axis, values);

    /// <summary>A constant; equal small ones are kept once.</summary>
    public Value Constant(OnnxTensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        return Builder.Constant(tensor);
    }

    /// <summary>A constant vector of int64, for shapes, axes and the like.</summary>
    public Value Integers(params ReadOnlySpan<long> values) => Builder.Integers(values);

    /// <summary>An axis counted from 0.</summary>
    /// <exception cref="OnnxModelException">It lies outside the rank.</exception>
    public int Axis(long axis, int rank) => Shapes.Axis(axis, rank);

    /// <summary>Sums a gradient over the axes along which a value was repeated.</summary>
    /// <param name="gradient">Gradient in the shape that <paramref name="value"/> was broadcast to.</param>
    /// <param name="value">The value before broadcasting.</param>
    public Value ReduceTo(Value gradient, Value value)
    {
        ArgumentNullException.ThrowIfNull(gradient);
        ArgumentNullException.ThrowIfNull(value);
        return BroadcastReversal.ReduceTo(gradient, value);
    }

    /// <summary>A refusal that says why, to be thrown; what else is refused in the model is named with it.</summary>
    /// <param name="reason">What was found and what would be taken, as a sentence behind "No gradient for NODE: ".</param>
    public UnsupportedOperatorException Refuse(string reason) => new(Node, reason);
}
