using DiffeoNN.Onnx.Composition;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Export;

/// <summary>What a bundle becomes; change with <c>with</c>.</summary>
public sealed record ExportOptions
{
    /// <summary>The version of the operator set that files have unless their networks or somebody ask for another.</summary>
    public const int UsualOpset = 17;

    /// <summary>The oldest version that can be written.</summary>
    public const int OldestOpset = GraphWriter.OldestOpset;

    /// <summary>The newest version that can be written.</summary>
    public const int NewestOpset = 22;

    /// <summary>What the caller says of the search; the bundle says the rest.</summary>
    public SearchSpec Search { get; init; } = new();

    /// <summary>What the file takes.</summary>
    public ExportInput Input { get; init; }

    /// <summary>What the file gives, at least one; all but <see cref="ExportOutput.Naive"/> by default.</summary>
    public IReadOnlyList<ExportOutput> Outputs { get; init; } =
        [.. Enum.GetValues<ExportOutput>().Where(output => output != ExportOutput.Naive)];

    /// <summary>Version of the ai.onnx operator set, <see cref="OldestOpset"/> to <see cref="NewestOpset"/>; null for
    /// <see cref="UsualOpset"/>, or that of the newest network where that is later.</summary>
    public int? Opset { get; init; }
}
