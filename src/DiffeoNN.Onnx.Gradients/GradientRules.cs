namespace DiffeoNN.Onnx.Gradients;

/// <summary>The table of gradient rules.</summary>
public static class GradientRules
{
    /// <summary>Every rule, by operator and the version from which its form holds.</summary>
    public static IReadOnlyList<GradientRule> All { get; } =
    [
        .. Rules.Arithmetic.All,
        .. Rules.Activations.All,
        .. Rules.Elementwise.All,
        .. Rules.Shaping.All,
        .. Rules.Indexing.All,
        .. Rules.Scattering.All,
        .. Rules.Selection.All,
        .. Rules.PatchesAndBlocks.All,
        .. Rules.Padding.All,
        .. Rules.Reductions.All,
        .. Rules.Products.All,
        .. Rules.Convolution.All,
        .. Rules.Pooling.All,
        .. Rules.PowerPooling.All,
        .. Rules.Normalisation.All,
        .. Rules.Standardisation.All,
        .. Rules.Losses.All,
        .. Rules.Scans.All,
        .. Rules.Quantisation.All,
        .. Rules.Resampling.All,
        .. Rules.Sampling.All,
        .. Rules.DeformableConvolution.All,
        .. Rules.RegionPooling.All,
        .. Rules.Recurrent.All,
        .. Rules.Attention.All,
        .. Rules.RotaryEmbedding.All,
        .. Rules.Spectral.All,
        .. Rules.Determinant.All,
        .. Rules.Stops.All,
    ];

    // Behind the table: static members are initialised in the order of their text.
    private static readonly Dictionary<(string Domain, string OpType), GradientRule[]> Index =
        All.GroupBy(r => (r.Domain, r.OpType)).ToDictionary(g => g.Key, g => g.OrderByDescending(r => r.SinceVersion).ToArray());

    /// <summary>The rule for an operator.</summary>
    /// <param name="domain">The operator set's domain; empty for ai.onnx.</param>
    /// <param name="opType">The operator.</param>
    /// <param name="version">Version of the operator set that the model imports.</param>
    /// <returns>The rule; null where there is none.</returns>
    public static GradientRule? Find(string domain, string opType, int version) =>
        Index.TryGetValue((OnnxModel.NormaliseDomain(domain), opType), out var rules)
            ? Array.Find(rules, r => r.SinceVersion <= version)
            : null;
}
