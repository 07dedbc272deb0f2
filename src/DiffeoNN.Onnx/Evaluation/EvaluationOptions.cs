using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Deformations;

namespace DiffeoNN.Onnx.Evaluation;

/// <summary>How a model is evaluated.</summary>
public sealed record EvaluationOptions
{
    /// <summary>Family of the maps; <c>tps</c> by default.</summary>
    public Deformation Deformation { get; init; } = new ThinPlateDeformation();

    /// <summary>Seed of the maps: image i of the data takes the map of (seed, i), as <see cref="DeformedFolder"/> does.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>What is scored; found out from the model if null. <see cref="EvaluationTask.OfAgreement"/> for data of
    /// <see cref="AgreementData"/>.</summary>
    public EvaluationTask? Task { get; init; }

    /// <summary>Images run together, at least 1.</summary>
    public int Batch { get; init; } = 8;

    /// <summary>Whether the undeformed images are canonicalised, too, for the energy gap and the equivariance error; takes twice the
    /// time.</summary>
    public bool MeasuresInvariance { get; init; } = true;
}
