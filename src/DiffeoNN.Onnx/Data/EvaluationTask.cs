using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;

namespace DiffeoNN.Onnx.Data;

/// <summary>What a bundle is scored on.</summary>
/// <param name="Kind"><see cref="OutputKind.Segmentation"/> or <see cref="OutputKind.Classification"/>.</param>
/// <param name="Classes">Number of classes, at least 2; a network with a single output tells two apart.</param>
public sealed record EvaluationTask(OutputKind Kind, int Classes)
{
    /// <summary>Channels the networks take, to which images must be convertible; null accepts every image.</summary>
    public int? Channels { get; init; }

    /// <summary>Finds out what a model answers, by running it once on a black image.</summary>
    /// <param name="model">Stays the caller's.</param>
    /// <exception cref="BundleException">It answers with points or images, which have no score here.</exception>
    public static EvaluationTask Of(EquivariantModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var kind = model.Bundle.Manifest.Models.Inner.Output.Kind;
        if (kind is not (OutputKind.Segmentation or OutputKind.Classification))
        {
            throw new BundleException(
                $"Bundle '{model.Bundle.Name}' answers with {kind.ToString().ToLowerInvariant()}; only segmentations and "
                + "classifications are evaluated.");
        }

        var spec = model.Bundle.Image;
        var answer = model.RunNaive([new ImageBuffer(spec.Channels, spec.Height, spec.Width)])[0];
        return new EvaluationTask(kind, Math.Max(2, answer.Scores?.Length ?? answer.Planes!.Channels)) { Channels = spec.Channels };
    }

    /// <exception cref="ImageException">The image cannot be brought to <see cref="Channels"/>.</exception>
    internal void RequireChannels(ImageBuffer image, string path)
    {
        if (Channels is { } wanted && !image.CanBecome(wanted))
            throw new ImageException(
                $"'{path}' has {image.Channels} channels, and the bundle takes {wanted}; only grey and RGB become each other.");
    }
}
