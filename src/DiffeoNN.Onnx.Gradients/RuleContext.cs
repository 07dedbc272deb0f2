namespace DiffeoNN.Onnx.Gradients;

/// <summary>A node as its gradient rule sees it: inputs, outputs and the gradients that arrive.</summary>
internal sealed class RuleContext
{
    private readonly Value?[] _gradients;

    public RuleContext(OnnxNode node, GraphBuilder builder, Value?[] gradients, IReadOnlyList<int> wanted)
    {
        Node = node;
        Builder = builder;
        Wanted = wanted;
        _gradients = gradients;
    }

    /// <summary>Inputs whose gradients are asked for.</summary>
    public IReadOnlyList<int> Wanted { get; }

    public OnnxNode Node { get; }

    public GraphBuilder Builder { get; }

    /// <summary>Number of inputs.</summary>
    public int Count => Node.Inputs.Count;

    /// <summary>First input.</summary>
    public Value X => Input(0);

    /// <summary>First output.</summary>
    public Value Y => Builder[Node.Outputs[0]];

    /// <summary>Gradient with respect to the first output.</summary>
    public Value dY => Gradient(0);

    public InferenceContext Shapes => new(Node, name => Builder.Contains(name) ? Builder[name].Facts : ValueFacts.None);

    public bool Has(int input) => Node.Input(input).Length > 0;

    public Value Input(int index) =>
        Has(index) ? Builder[Node.Inputs[index]] : throw new OnnxModelException($"{Node} lacks input {index}.");

    /// <summary>An output, which the node is given where the model does not name it.</summary>
    public Value Output(int index)
    {
        while (Node.Outputs.Count <= index)
            Node.Outputs.Add("");
        if (Node.Outputs[index].Length > 0)
            return Builder[Node.Outputs[index]];
        var name = Node.Outputs[index] = Builder.AddOutput($"output{index}", ValueFacts.None).Name;
        return Builder.Add(name, ShapeInference.Infer(Node, input => Builder[input].Facts).First(o => o.Name == name).Facts);
    }

    public bool HasGradient(int output) => output < _gradients.Length && _gradients[output] is not null;

    /// <summary>Gradient with respect to an output; zeros where nothing depends on that output.</summary>
    public Value Gradient(int output) => _gradients[output] ?? Zeros(Builder[Node.Outputs[output]]);

    /// <summary>Zeros in the shape of a value.</summary>
    public Value Zeros(Value like) => like.Like(0).ExpandLike(like);

    /// <summary>An axis counted from 0.</summary>
    public int Axis(long axis, int rank) => Shapes.Axis(axis, rank);

    /// <summary>A refusal that says why.</summary>
    public UnsupportedOperatorException Refuse(string reason) => new(Node, reason);
}
