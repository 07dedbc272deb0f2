using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Metrics;

namespace DiffeoNN.Onnx.Diagnostics.Wiring;

/// <summary>What a network answers.</summary>
/// <param name="Undeformed">Classes of undeformed images, pixel by pixel if these are maps.</param>
/// <param name="Map">Height and width of a map; null where an image has one class.</param>
internal sealed record PredictorAnswers(byte[] Undeformed, (int Height, int Width)? Map)
{
    /// <summary>Share of the most frequent class from which on there is but one.</summary>
    private const double OneClass = 0.999;

    /// <summary>How far answers on deformed images are the deformed answers.</summary>
    public double Follows { get; init; }

    /// <summary>Mean magnitude of the output.</summary>
    public double Magnitude { get; init; }

    /// <summary>Share of the most frequent class.</summary>
    public double Largest { get; } = Undeformed.CountBy(label => label).Max(pair => pair.Value) / (double)Undeformed.Length;

    /// <summary>Whether all answers are the same.</summary>
    public bool IsOneClass => Largest > OneClass;

    /// <summary>What speaks for the range of values that was given.</summary>
    public double Score => IsOneClass ? 0 : Follows;

    /// <summary>Mean IoU of the classes but 0, image by image, or share of equal classes.</summary>
    public double Agreement(byte[] labels, byte[] expected)
    {
        if (Map is not { } map) return labels.Zip(expected).Count(pair => pair.First == pair.Second) / (double)labels.Length;
        int size = map.Height * map.Width, classes = Math.Max(2, Math.Max(labels.Max(), expected.Max()) + 1);
        return Enumerable.Range(0, labels.Length / size).Average(
            i => SegmentationScore.Of(Part(labels, i), Part(expected, i), classes).Iou);

        LabelMap Part(byte[] all, int i) => new(map.Height, map.Width, all[(i * size)..((i + 1) * size)]);
    }

    /// <inheritdoc/>
    public override string ToString() => IsOneClass
        ? "answers with one class throughout"
        : FormattableString.Invariant($"gives answers that follow the deformed images with an agreement of {Follows:0.00}");
}
