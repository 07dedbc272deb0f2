using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Answers;

/// <summary>The truth about an image; what is not known is null.</summary>
internal sealed record Truth
{
    /// <summary>Class of every pixel.</summary>
    public LabelMap? Mask { get; init; }

    /// <summary>Class of the image.</summary>
    public int? Label { get; init; }

    /// <summary>Numbers of the image.</summary>
    public IReadOnlyList<double>? Numbers { get; init; }

    /// <summary>Points in pixels.</summary>
    public IReadOnlyList<(double Column, double Row)>? Points { get; init; }

    /// <summary>Boxes in pixels.</summary>
    public IReadOnlyList<AnswerBox>? Boxes { get; init; }

    /// <summary>Values of every pixel: the planes of a picture.</summary>
    public ImageBuffer? Picture { get; init; }

    /// <summary>The share of every pixel of <see cref="Picture"/> that comes from inside the image, one plane; null where all of it
    /// does.</summary>
    public ImageBuffer? Inside { get; init; }

    /// <summary>Whether it is a network's own answer, taken for the truth.</summary>
    public AnswerReference Reference { get; init; }

    /// <summary>Memory it takes, roughly.</summary>
    public long Bytes => 256 + (Mask?.Labels.Length ?? 0) + (sizeof(float) * ((long?)Picture?.Data.Length ?? 0))
        + (sizeof(double) * (long)(Numbers?.Count ?? 0)) + (2L * sizeof(double) * (Points?.Count ?? 0)) + (64L * (Boxes?.Count ?? 0));

    /// <summary>How headings call it.</summary>
    public string Title => Reference == AnswerReference.Agreement ? "own answer" : "truth";

    /// <summary>The truth about the deformed image.</summary>
    public Truth Deform(DeformationMap map) => this with
    {
        Mask = Mask is null ? null : map.Apply(Mask),
        Points = Points is null ? null : [.. Points.Select(map.PlaceOf)],
        Boxes = Boxes is null ? null : [.. Boxes.Select(box => box.Moved(map.PlaceOf))],
        Picture = Picture is null ? null : map.Apply(Picture),
        Inside = Picture is null ? null : map.Apply(Inside ?? Ones(Picture.Height, Picture.Width)),
    };

    private static ImageBuffer Ones(int height, int width)
    {
        var ones = new ImageBuffer(1, height, width);
        ones.Data.Fill(1);
        return ones;
    }
}
