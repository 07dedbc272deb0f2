using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Answers;

/// <summary>What is drawn of an answer: a picture of its own, or marks over the image it is for.</summary>
public sealed record AnswerSketch
{
    /// <summary>Replaces the image; null for marks.</summary>
    public ImageBuffer? Picture { get; init; }

    /// <summary>Regions, class 0 left clear.</summary>
    public LabelMap? Labels { get; init; }

    /// <summary>Dots, in pixels of the answer's image.</summary>
    public IReadOnlyList<(double Column, double Row)>? Points { get; init; }

    /// <summary>Frames, in pixels of the answer's image.</summary>
    public IReadOnlyList<AnswerBox>? Boxes { get; init; }

    /// <summary>A short text.</summary>
    public string? Caption { get; init; }

    /// <summary>Whether there is something to see only together with the image.</summary>
    public bool HasMarks => Points is not null || Boxes is not null;
}
