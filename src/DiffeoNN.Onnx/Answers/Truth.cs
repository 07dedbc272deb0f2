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

    /// <summary>The truth about the deformed image.</summary>
    public Truth Deform(DeformationMap map) => this with
    {
        Mask = Mask is null ? null : map.Apply(Mask),
        Points = Points is null ? null : [.. Points.Select(map.PlaceOf)],
        Boxes = Boxes is null ? null : [.. Boxes.Select(box => box.Moved(map.PlaceOf))],
    };
}
