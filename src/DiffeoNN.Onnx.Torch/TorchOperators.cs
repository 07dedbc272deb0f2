using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Torch.Operators;

namespace DiffeoNN.Onnx.Torch;

/// <summary>The operators that libtorch runs, as they are from version 16 of the operator set on;
/// older models are rewritten for it.</summary>
internal sealed class TorchOperators
{
    private readonly Dictionary<(string Domain, string OpType), TorchOperator[]> _index;

    /// <summary>A table of one's own.</summary>
    /// <param name="rows">Where two rows have the same operator and version the later one counts.</param>
    public TorchOperators(IEnumerable<TorchOperator> rows) => _index = rows
        .GroupBy(row => (row.Domain, row.OpType))
        .ToDictionary(group => group.Key,
            group => group.Reverse().DistinctBy(row => row.SinceVersion).OrderByDescending(row => row.SinceVersion).ToArray());

    /// <summary>Every row.</summary>
    public static IReadOnlyList<TorchOperator> All { get; } =
    [
        .. ElementwiseOperators.All,
        .. ActivationOperators.All,
        .. CreationOperators.All,
        .. ShapingOperators.All,
        .. PaddingOperators.All,
        .. IndexingOperators.All,
        .. SelectionOperators.All,
        .. ReductionOperators.All,
        .. ProductOperators.All,
        .. QuantisationOperators.All,
        .. ControlFlowOperators.All,
        .. ConvolutionOperators.All,
        .. PoolingOperators.All,
        .. NormalisationOperators.All,
        .. ResamplingOperators.All,
        .. PatchOperators.All,
        .. RegionOperators.All,
        .. LossOperators.All,
        .. RecurrentOperators.All,
        .. AttentionOperators.All,
        .. SpectralOperators.All,
    ];

    /// <summary>The table of <see cref="All"/>.</summary>
    public static TorchOperators Default { get; } = new(All);

    /// <summary>The row for a node; null where there is none.</summary>
    /// <param name="node">The node.</param>
    /// <param name="version">Version of the operator set.</param>
    public TorchOperator? Find(OnnxNode node, int version) =>
        _index.TryGetValue((node.Domain == "ai.onnx" ? "" : node.Domain, node.OpType), out var rows)
            ? Array.Find(rows, row => row.SinceVersion <= version)
            : null;
}
