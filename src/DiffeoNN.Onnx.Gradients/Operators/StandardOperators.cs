namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>The operators of ai.onnx, by family.</summary>
internal static class StandardOperators
{
    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        .. Arithmetic.All,
        .. Activations.All,
        .. Elementwise.All,
        .. Shaping.All,
        .. Indexing.All,
        .. Scattering.All,
        .. Selection.All,
        .. PatchesAndBlocks.All,
        .. Padding.All,
        .. Reductions.All,
        .. Products.All,
        .. Convolution.All,
        .. Pooling.All,
        .. PowerPooling.All,
        .. Normalisation.All,
        .. Standardisation.All,
        .. Losses.All,
        .. Scans.All,
        .. Quantisation.All,
        .. Resampling.All,
        .. Sampling.All,
        .. DeformableConvolution.All,
        .. RegionPooling.All,
        .. Recurrent.All,
        .. Attention.All,
        .. RotaryEmbedding.All,
        .. Spectral.All,
        .. Determinant.All,
        .. Comparisons.All,
        .. Constants.All,
        .. Rounding.All,
        .. RandomNumbers.All,
        .. ControlFlow.All,
        .. Withdrawn.All,
        .. Unruled.All,
    ];
}
