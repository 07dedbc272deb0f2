using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Inference;

/// <summary>The answer of a network for one image; which members are set follows from <see cref="Kind"/>.</summary>
public sealed record ModelOutput
{
    /// <summary>What the answer means.</summary>
    public required OutputKind Kind { get; init; }

    /// <summary>Rows of the image that the answer is for.</summary>
    public required int Height { get; init; }

    /// <summary>Columns of the image that the answer is for.</summary>
    public required int Width { get; init; }

    /// <summary>Segmentation: probabilities of the classes (K planes); image: values. Null for the others.</summary>
    public ImageBuffer? Planes { get; init; }

    /// <summary>Segmentation: the most probable class of each pixel; with a single plane 1 where it reaches 0.5.
    /// Null for the others.</summary>
    public LabelMap? Labels { get; init; }

    /// <summary>Classification: scores after the activation, one a class. Null for the others.</summary>
    public float[]? Scores { get; init; }

    /// <summary>Points: column and row in pixels, possibly fractional or outside the image. Null for the others.</summary>
    public IReadOnlyList<(double Column, double Row)>? Points { get; init; }

    /// <summary>Classification: index of the highest score; null for the others.</summary>
    public int? Class =>
        Scores is { Length: > 0 } scores ? (scores.Length == 1 ? (scores[0] >= 0.5f ? 1 : 0) : Array.IndexOf(scores, scores.Max())) : null;
}
