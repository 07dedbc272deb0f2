using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Data;

/// <summary>An undeformed image and the truth about it.</summary>
/// <param name="Name">Names it within its data.</param>
/// <param name="Image">At least 2x2 pixels, values in [0, 1].</param>
/// <param name="Mask">Segmentation: class of every pixel, of the image's size; null for others.</param>
/// <param name="Label">Classification: the class; null for others.</param>
public sealed record EvaluationSample(string Name, ImageBuffer Image, LabelMap? Mask, int? Label)
{
    /// <summary>Regression: the numbers; null for others.</summary>
    public IReadOnlyList<double>? Numbers { get; init; }

    /// <summary>Points: in order, in pixels; null for others.</summary>
    public IReadOnlyList<(double Column, double Row)>? Points { get; init; }

    /// <summary>Boxes: in pixels; null for others.</summary>
    public IReadOnlyList<AnswerBox>? Boxes { get; init; }

    /// <summary>What the image's file says about how it is looked at.</summary>
    public ImageOrientation Orientation { get; init; } = ImageOrientation.Upright;

    /// <summary>Pictures: the planes of the network's own answer; null for others, for no data hold such a truth.</summary>
    public ImageBuffer? Picture { get; init; }

    /// <summary>Where the truth comes from.</summary>
    public AnswerReference Reference { get; init; }

    /// <summary>All that is true of the image.</summary>
    internal Truth Truth => new()
    {
        Mask = Mask, Label = Label, Numbers = Numbers, Points = Points, Boxes = Boxes, Picture = Picture, Reference = Reference,
    };

    /// <summary>The image with another truth.</summary>
    internal EvaluationSample WithTruth(Truth truth) => this with
    {
        Mask = truth.Mask,
        Label = truth.Label,
        Numbers = truth.Numbers,
        Points = truth.Points,
        Boxes = truth.Boxes,
        Picture = truth.Picture,
        Reference = truth.Reference,
    };
}
