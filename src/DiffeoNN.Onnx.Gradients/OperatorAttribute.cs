namespace DiffeoNN.Onnx.Gradients;

/// <summary>What an operator asks of one of its attributes.</summary>
/// <param name="Name">The attribute.</param>
/// <param name="Kind">What it holds; null for what the name means in ai.onnx, and elsewhere for anything.</param>
public sealed record OperatorAttribute(string Name, OnnxAttributeKind? Kind = null)
{
    /// <summary>Whether the operator cannot do without it.</summary>
    public bool IsRequired { get; init; }

    /// <summary>First version of the operator set in which this holds.</summary>
    public int Since { get; init; } = 1;

    /// <summary>Last version in which it holds.</summary>
    public int Until { get; init; } = int.MaxValue;

    internal bool Holds(int version) => version >= Since && version <= Until;
}
