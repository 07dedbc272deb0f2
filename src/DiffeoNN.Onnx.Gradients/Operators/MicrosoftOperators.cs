using DiffeoNN.Onnx.Gradients.Operators.Microsoft;

namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>The operators that ONNX Runtime adds to the specification, most of them in domain com.microsoft, by family.</summary>
internal static class MicrosoftOperators
{
    public const string Domain = "com.microsoft";

    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        .. new[]
        {
            Gelus.All, FusedProducts.All, SkipNormalisation.All, MultiHeadAttention.All, PackedAttention.All, GroupQueryAttention.All,
            Embeddings.All, Matrices.All,
        }.SelectMany(family => family),
    ];
}
