namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>The operators of domain com.microsoft, by family.</summary>
internal static class MicrosoftOperators
{
    public static IReadOnlyList<OperatorDefinition> All { get; } = [];
}
