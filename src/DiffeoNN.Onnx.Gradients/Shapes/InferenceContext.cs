namespace DiffeoNN.Onnx.Gradients;

/// <summary>A node and what is known about its inputs.</summary>
public sealed class InferenceContext
{
    private const int MaximumRank = 64;

    /// <param name="node">The node.</param>
    /// <param name="lookup">What is known about a value.</param>
    internal InferenceContext(OnnxNode node, Func<string, ValueFacts> lookup) => (Node, Lookup) = (node, lookup);

    /// <summary>The node, with its attributes.</summary>
    public OnnxNode Node { get; }

    /// <summary>What is known about any value in sight.</summary>
    internal Func<string, ValueFacts> Lookup { get; }

    /// <summary>Whether the node may have a form older than version 7, when operands were not broadcast as they are now.</summary>
    internal bool IsOld { get; init; }

    /// <summary>The operators there are.</summary>
    internal OperatorSet Operators { get; init; } = OperatorSet.Default;

    /// <summary>Number of inputs, absent ones in the middle included.</summary>
    public int Count => Node.Inputs.Count;

    /// <summary>Whether an optional input is there.</summary>
    public bool Has(int input) => Node.Input(input).Length > 0;

    /// <summary>What is known about an input; nothing where it is absent.</summary>
    public ValueFacts Facts(int input) => Has(input) ? Lookup(Node.Inputs[input]) : ValueFacts.None;

    /// <summary>Shape of an input; null where not even its rank is known.</summary>
    public Dim[]? Shape(int input) => Facts(input).Shape;

    internal Item[]? Items(int input) => Facts(input).Items;

    /// <summary>Element type of an input; undefined where not known.</summary>
    public OnnxElementType Type(int input) => Facts(input).ElementType;

    /// <summary>Integers that are an attribute in old versions and an input in new ones; null where absent or not known.</summary>
    public long[]? IntegersOf(string attribute, int input) => Node.GetInts(attribute)?.ToArray() ?? Facts(input).Integers;

    /// <summary>An axis counted from 0.</summary>
    /// <exception cref="OnnxModelException">It lies outside the rank.</exception>
    public int Axis(long axis, int rank)
    {
        var result = axis < 0 ? axis + rank : axis;
        return result >= 0 && result < Math.Max(rank, 1) ? (int)result
            : throw new OnnxModelException($"{Node} has axis {axis}; its input has rank {rank}.");
    }

    /// <summary>A complaint about the inputs, to be thrown by a check: what they are, and what was expected.</summary>
    /// <param name="expected">What was expected, as a sentence behind "NODE has inputs 'x' Float [2,3]; ".</param>
    public OnnxModelException Wrong(string expected) => ShapeChecks.Wrong(this, expected);

    /// <summary>A dimension that nothing is known about.</summary>
    public Dim Unknown(int axis, int output = 0) => Dim.Symbol($"{Node.Outputs[output]}.{axis}");

    /// <summary>A shape of which the rank alone is known.</summary>
    /// <exception cref="OnnxModelException">The rank is above 64.</exception>
    public Dim[] UnknownShape(long rank, int output = 0) => rank > MaximumRank
        ? throw new OnnxModelException($"{Node} asks for a value of {rank} dimensions; at most {MaximumRank} are expected.")
        : [.. Enumerable.Range(0, (int)rank).Select(a => Unknown(a, output))];
}
