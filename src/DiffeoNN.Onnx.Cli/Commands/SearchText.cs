using System.Globalization;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>What led to the map of an image, in words.</summary>
internal static class SearchText
{
    /// <summary>Whether the search of an image set out from a proposal.</summary>
    public static bool FromProposal(ImageCanonicalisation found, EquivariantModel model) =>
        model.Plan.AsksProposer && (model.Plan.Start != StartPoint.Multi || found.Start >= model.Plan.StartsFromIdentity);

    /// <summary>Proposal used as it was, proposal refined, or searched.</summary>
    public static string Origin(ImageCanonicalisation found, EquivariantModel model) => (FromProposal(found, model), found.BestStep) switch
    {
        (true, 0) => "proposal used",
        (true, var steps) => $"proposal refined in {steps} {(steps == 1 ? "step" : "steps")}",
        (false, 0) => "start used",
        (false, var steps) => $"found in {steps} {(steps == 1 ? "step" : "steps")}",
    };

    /// <summary>The line below a panel: what the search did.</summary>
    /// <param name="image">What became of the image.</param>
    /// <param name="model">What ran.</param>
    public static string Footer(EquivariantImage image, EquivariantModel model)
    {
        var found = image.Canonicalisation;
        var taken = found.Refusal is { } refusal
            ? $"left as it is: {Describe(refusal.Reason)}"
            : Origin(found, model) + (image.Maps > 1 ? $", mean of {image.Maps} maps" : "");
        return string.Create(
            CultureInfo.InvariantCulture,
            $"energy {found.InputEnergy:G4} -> {found.CanonicalEnergy:G4}   {taken}   steps {found.Steps}   "
            + $"determinant {found.Diagnostics.MinimumDeterminant:F2} to {found.Diagnostics.MaximumDeterminant:F2}   "
            + $"inverse within {found.Diagnostics.InverseResidualMaximum:F2} pixels");
    }

    /// <summary>Why a map is not used.</summary>
    public static string Describe(RefusalReason reason) => reason switch
    {
        RefusalReason.AlreadyCanonical => "canonical already",
        RefusalReason.NotEnoughDecrease => "energy did not fall enough",
        RefusalReason.Folded => "map folds",
        RefusalReason.InverseResidual => "inverse too inexact",
        _ => "energy not finite",
    };
}
