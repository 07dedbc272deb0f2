namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>Where the time of a batch went, forward and backward together. On a GPU work is queued, and waiting falls to the stage that
/// reads a result; only the total is exact there.</summary>
/// <param name="EnergyGradient">Energy networks and their gradient; the scoring of several starts, maps included.</param>
/// <param name="SearchGraph">Where fields are graphs: the one graph of a step, from parameters to their gradient. It holds energy, field,
/// exponential, warp and regularisers, which then have nothing of their own but what is measured beside the steps.</param>
/// <param name="Field">Parameters to velocity at every pixel.</param>
/// <param name="Exponential">Velocity to displacement.</param>
/// <param name="Warp">Resampling of the image.</param>
/// <param name="Regularisers">Smoothness and orientation.</param>
/// <param name="Optimiser">Adam.</param>
/// <param name="Diagnostics">Inverse, canonical image and measures of the result, once at the end.</param>
/// <param name="Total">From start to end.</param>
public sealed record StageTimes(
    TimeSpan EnergyGradient,
    TimeSpan SearchGraph,
    TimeSpan Field,
    TimeSpan Exponential,
    TimeSpan Warp,
    TimeSpan Regularisers,
    TimeSpan Optimiser,
    TimeSpan Diagnostics,
    TimeSpan Total)
{
    /// <summary>Stage by stage, of work done one after the other.</summary>
    internal StageTimes Plus(StageTimes other) => new(
        EnergyGradient + other.EnergyGradient, SearchGraph + other.SearchGraph, Field + other.Field,
        Exponential + other.Exponential, Warp + other.Warp,
        Regularisers + other.Regularisers, Optimiser + other.Optimiser, Diagnostics + other.Diagnostics, Total + other.Total);
}
