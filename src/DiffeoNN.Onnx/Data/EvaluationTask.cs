using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;

namespace DiffeoNN.Onnx.Data;

/// <summary>What a bundle is scored on.</summary>
/// <param name="Kind">A kind of answer that can be compared with a truth, or, for agreement, any.</param>
/// <param name="Classes">Number of classes, at least 2 (a network with a single output tells two apart); for numbers and points how many
/// there are; for boxes the number of classes' names, or 0; for pictures the number of planes.</param>
public sealed record EvaluationTask(OutputKind Kind, int Classes)
{
    /// <summary>Channels the networks take, to which images must be convertible; null accepts every image.</summary>
    public int? Channels { get; init; }

    /// <summary>Whether answers are compared with the network's own on undeformed images, so that data need no truth.</summary>
    public bool IsAgreement { get; init; }

    /// <summary>Everything about the kind.</summary>
    internal AnswerKind Answers => AnswerKinds.Of(Kind);

    /// <summary>What truth is needed.</summary>
    internal TruthForm Truth => IsAgreement ? TruthForm.None : Answers.Truth;

    /// <summary>Finds out what a model answers, by running it once on a black image; of several outputs the first counts.</summary>
    /// <param name="model">Stays the caller's.</param>
    /// <exception cref="BundleException">No data hold a truth for its kind of answers.</exception>
    public static EvaluationTask Of(EquivariantModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var kind = AnswerKinds.Of(model.Bundle.Manifest.Models.Inner.Output);
        if (kind.Truth == TruthForm.None)
        {
            var scored = string.Join(", ", AnswerKinds.All.Where(one => one.Truth != TruthForm.None).Select(one => one.Name));
            throw new BundleException(
                $"Bundle '{model.Bundle.Name}' answers with {kind.Name}, which has no score; evaluated are {scored}.");
        }

        return Of(model, kind);
    }

    /// <summary>As <see cref="Of(EquivariantModel)"/>, to be compared with the network's own answers on undeformed images, which is
    /// possible for every kind.</summary>
    /// <param name="model">Stays the caller's.</param>
    public static EvaluationTask OfAgreement(EquivariantModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return Of(model, AnswerKinds.Of(model.Bundle.Manifest.Models.Inner.Output)) with { IsAgreement = true };
    }

    private static EvaluationTask Of(EquivariantModel model, AnswerKind kind)
    {
        var spec = model.Bundle.Image;
        var answer = model.RunNaive([new ImageBuffer(spec.Channels, spec.Height, spec.Width)])[0];
        return new EvaluationTask(kind.Kind, kind.ClassesOf(answer)) { Channels = spec.Channels };
    }

    /// <summary>Compares an answer with the truth.</summary>
    internal AnswerScore Score(ModelOutput answer, Truth truth) => Answers.Score(answer, truth, Classes);

    /// <summary>Reads an image of a file.</summary>
    /// <exception cref="ImageException">It cannot be read, is below 2x2 pixels, or cannot be brought to <see cref="Channels"/>.</exception>
    internal (ImageBuffer Image, ImageOrientation Orientation) ReadImage(string path, bool orients)
    {
        var (image, orientation, _) = ImageFile.ReadNoting(path, orients);
        if (image.Height < 2 || image.Width < 2)
            throw new ImageException($"'{path}' is {image.Width}x{image.Height} pixels; at least 2x2 are needed.");
        RequireChannels(image, path);
        return (image, orientation);
    }

    /// <exception cref="ImageException">The image cannot be brought to <see cref="Channels"/>.</exception>
    internal void RequireChannels(ImageBuffer image, string path)
    {
        if (Channels is { } wanted && !image.CanBecome(wanted))
            throw new ImageException(
                $"'{path}' has {image.Channels} channels, and the bundle takes {wanted}; only grey and RGB become each other.");
    }
}
