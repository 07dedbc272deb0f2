using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Deformations;

namespace DiffeoNN.Onnx.Tuning;

/// <summary>How a bundle is tuned; change with <c>with</c>.</summary>
public sealed record TuningOptions
{
    /// <summary>Families of deformations whose scores count, at least one, each once and none of them <see cref="NoDeformation"/>:
    /// undeformed images always count.</summary>
    public IReadOnlyList<Deformation> Deformations { get; init; } = [new ThinPlateDeformation(),
        new ThinPlateDeformation(ThinPlateDeformation.Strong)];

    /// <summary>How many settings are tried besides the present ones, at least 1.</summary>
    public int Trials { get; init; } = 24;

    /// <summary>Seed of the deformations, as in <see cref="Evaluation.EvaluationOptions"/>, of the search, and of what is tried.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>What is scored; found out from the model if null. <see cref="EvaluationTask.OfAgreement"/> for data of
    /// <see cref="Evaluation.AgreementData"/>.</summary>
    public EvaluationTask? Task { get; init; }

    /// <summary>Images run together, at least 1.</summary>
    public int Batch { get; init; } = 8;

    /// <summary>Refuses values that make no sense.</summary>
    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Trials, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(Batch, 1);
        if (Deformations.Count == 0 || Deformations.Any(deformation => deformation is NoDeformation)
            || Deformations.DistinctBy(deformation => deformation.Name).Count() != Deformations.Count)
        {
            throw new ArgumentException("Tuning needs at least one deformation, each once and not 'none': undeformed images always count.",
                nameof(Deformations));
        }
    }
}
