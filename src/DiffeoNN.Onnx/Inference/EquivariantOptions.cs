using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Execution;

namespace DiffeoNN.Onnx.Inference;

/// <summary>How an <see cref="EquivariantModel"/> runs; change with <c>with</c>.
/// What is null comes from the preset, which is the bundle's manifest unless another is chosen.</summary>
public sealed record EquivariantOptions
{
    /// <summary>Device and cores.</summary>
    public ExecutionOptions Execution { get; init; } = new();

    /// <summary>What computes fields and their gradients.</summary>
    public FieldEngine Fields { get; init; } = FieldEngine.Auto;

    /// <summary>Where settings come from that are not given here.</summary>
    public SearchPreset Preset { get; init; } = SearchPreset.Bundle;

    /// <summary>Largest number of steps wherever a search starts, at least 0; 0 uses the start (identity or proposal) alone.</summary>
    public int? Steps { get; init; }

    /// <summary>Seed of the velocity field's initial weights.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Where the search starts.</summary>
    public StartPoint Start { get; init; } = StartPoint.Auto;

    /// <summary>What <see cref="StartPoint.Multi"/> tries.</summary>
    public MultiStartOptions MultiStart { get; init; } = new();

    /// <summary>How often the proposer is asked, at least 1: each further time for what is left.</summary>
    public int? Passes { get; init; }

    /// <summary>Whether answers are the mean over the maps of all passes of the proposer and of the search,
    /// instead of those of the last.</summary>
    public bool? Average { get; init; }

    /// <summary>When the map found is used; if null, <see cref="AcceptanceRule.Checked"/>, or what the preset says.</summary>
    public AcceptanceRule? Accept { get; init; }

    /// <summary>Requests of the asynchronous methods that are held, at least 1; those beyond wait for room before they are
    /// taken.</summary>
    public int QueueCapacity { get; init; } = 256;

    /// <summary>Time after which a batch takes no further step; null for no limit.</summary>
    public TimeSpan? TimeBudget { get; init; }

    /// <summary>Last word on the canonicaliser's options: receives those that follow from the bundle and from the above; null keeps them.
    /// Called twice: for searches from the identity, and for those from the proposal.</summary>
    public Func<CanonicaliserOptions, CanonicaliserOptions>? Configure { get; init; }
}
