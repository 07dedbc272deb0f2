namespace DiffeoNN.Onnx.Training.Fit;

/// <summary>How far a fit is.</summary>
/// <param name="Stage">What it is at.</param>
/// <param name="Round">Of the stage, from 1.</param>
/// <param name="Step">Steps or images done.</param>
/// <param name="Steps">Steps or images in all.</param>
/// <param name="Terms">What is minimised, averaged over the last steps; empty where nothing is.</param>
/// <param name="Elapsed">Since the start, earlier parts of an interrupted fit included.</param>
/// <param name="Left">Of the time that was given; zero where it is over.</param>
public sealed record FitProgress(
    FitStage Stage, int Round, int Step, int Steps, IReadOnlyDictionary<string, double> Terms, TimeSpan Elapsed, TimeSpan Left)
{
    /// <summary>What was found on images held out, where something was.</summary>
    public FitTrial? Trial { get; init; }

    /// <summary>Whether a bundle was written or replaced.</summary>
    public bool Written { get; init; }

    /// <summary>Something to know, such as that the network cannot be differentiated.</summary>
    public string? Note { get; init; }
}
