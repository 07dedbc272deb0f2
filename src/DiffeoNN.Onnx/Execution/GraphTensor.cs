using TorchSharp;

namespace DiffeoNN.Onnx.Execution;

/// <summary>Declaration of an input or output of a graph.</summary>
/// <param name="Name">Its name in the graph.</param>
/// <param name="Type">Its element type.</param>
/// <param name="Dimensions">One entry a dimension: its size, or null where it is free.</param>
/// <param name="Symbols">One entry a dimension: the name of a free dimension ("N"), or null.</param>
public sealed record GraphTensor(
    string Name, torch.ScalarType Type, IReadOnlyList<long?> Dimensions, IReadOnlyList<string?> Symbols)
{
    /// <summary>The name of a free dimension; null for what some exporters write in the place of every name,
    /// which says nothing about equal sizes.</summary>
    internal static string? SymbolOf(string? written) => written is null or "" or "?" or "-1" ? null : written;

    /// <summary>As error messages print it: <c>'image' float32 [N,1,128,128]</c>.</summary>
    public override string ToString() =>
        $"'{Name}' {Type.ToString().ToLowerInvariant()} ["
        + $"{string.Join(",", Dimensions.Select((size, i) => size?.ToString() ?? Symbols[i] ?? "?"))}]";
}
