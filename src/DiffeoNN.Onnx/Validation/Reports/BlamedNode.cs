namespace DiffeoNN.Onnx.Validation.Reports;

/// <summary>A node of a graph.</summary>
/// <param name="Name">Its name; its first output's where it has none.</param>
/// <param name="Operator">Its operator, with the domain where that is not ai.onnx.</param>
public sealed record BlamedNode(string Name, string Operator)
{
    /// <summary>For people: Conv '/down/0/conv/Conv'.</summary>
    public override string ToString() => $"{Operator} '{Name}'";
}
