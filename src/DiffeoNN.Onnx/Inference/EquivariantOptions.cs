using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Inference;

/// <summary>How an <see cref="EquivariantModel"/> runs: what the caller says of its searches, and where they run; change with <c>with</c>.
/// </summary>
/// <remarks>Settings of the search that are not given come from the preset, which is the bundle's manifest unless another is chosen;
/// <see cref="EquivariantModel.Plan"/> tells what came of it.</remarks>
public sealed record EquivariantOptions : SearchSpec
{
    /// <summary>Device and cores.</summary>
    public ExecutionOptions Execution { get; init; } = new();

    /// <summary>Where settings come from that are not given here.</summary>
    public SearchPreset Preset { get; init; } = SearchPreset.Bundle;

    /// <summary>Requests of the asynchronous methods that are held, at least 1; those beyond wait for room before they are
    /// taken.</summary>
    public int QueueCapacity { get; init; } = 256;
}
