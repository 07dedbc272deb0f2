namespace DiffeoNN.Onnx.Gradients;

/// <summary>A node and what is known about its inputs.</summary>
/// <param name="node">The node.</param>
/// <param name="lookup">What is known about a value.</param>
internal sealed class InferenceContext(OnnxNode node, Func<string, ValueFacts> lookup)
{
    private const int MaximumRank = 64;

    public OnnxNode Node { get; } = node;

    /// <summary>What is known about any value in sight.</summary>
    public Func<string, ValueFacts> Lookup => lookup;

    /// <summary>Whether the node may have a form older than version 7, when operands were not broadcast as they are now.</summary>
    public bool IsOld { get; init; }

    public int Count => Node.Inputs.Count;

    public bool Has(int input) => Node.Input(input).Length > 0;

    public ValueFacts Facts(int input) => Has(input) ? lookup(Node.Inputs[input]) : ValueFacts.None;

    public Dim[]? Shape(int input) => Facts(input).Shape;

    public Item[]? Items(int input) => Facts(input).Items;

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

    /// <summary>A dimension that nothing is known about.</summary>
    public Dim Unknown(int axis, int output = 0) => Dim.Symbol($"{Node.Outputs[output]}.{axis}");

    public Dim[] UnknownShape(long rank, int output = 0) => rank > MaximumRank
        ? throw new OnnxModelException($"{Node} asks for a value of {rank} dimensions; at most {MaximumRank} are expected.")
        : [.. Enumerable.Range(0, (int)rank).Select(a => Unknown(a, output))];
}
