using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Metrics;

/// <summary>How well a predicted label map agrees with the truth.</summary>
/// <param name="Accuracy">Share of pixels with the right label, in [0, 1]; 1 where none counts.</param>
/// <param name="IouPerClass">Intersection over union of each class, class 0 first; 1 where neither map has the class.</param>
/// <param name="DicePerClass">Twice the intersection over the sum of both areas; 1 where neither map has the class.</param>
public sealed record SegmentationScore(double Accuracy, IReadOnlyList<double> IouPerClass, IReadOnlyList<double> DicePerClass)
{
    /// <summary>Mean intersection over union of the foreground: all classes but 0.</summary>
    public double Iou => IouPerClass.Skip(1).Average();

    /// <summary>Mean Dice coefficient of the foreground: all classes but 0.</summary>
    public double Dice => DicePerClass.Skip(1).Average();

    /// <summary>Compares two label maps.</summary>
    /// <param name="prediction">What a network said.</param>
    /// <param name="truth">Of the same size; pixels of <see cref="LabelMap.Ignored"/> count in nothing.</param>
    /// <param name="classes">Number of classes, at least 2; 0 is the background. With 256 nothing is ignored.</param>
    /// <exception cref="ArgumentException">The sizes differ, or a label reaches <paramref name="classes"/>.</exception>
    public static SegmentationScore Of(LabelMap prediction, LabelMap truth, int classes = 2)
    {
        ArgumentNullException.ThrowIfNull(prediction);
        ArgumentNullException.ThrowIfNull(truth);
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 2);
        if (prediction.Height != truth.Height || prediction.Width != truth.Width)
            throw new ArgumentException(
                $"prediction is {prediction.Width}x{prediction.Height} pixels, truth {truth.Width}x{truth.Height}; they must be the same.",
                nameof(prediction));
        var both = new long[classes];
        var predicted = new long[classes];
        var actual = new long[classes];
        long counted = 0;
        for (var i = 0; i < truth.Labels.Length; i++)
        {
            int p = prediction.Labels[i], t = truth.Labels[i];
            if (t == LabelMap.Ignored && t >= classes) continue;
            if (p >= classes || t >= classes)
                throw new ArgumentException(
                    $"Pixel {i} has labels {p} (prediction) and {t} (truth); {classes} classes end at {classes - 1}.", nameof(classes));
            counted++;
            predicted[p]++;
            actual[t]++;
            if (p == t) both[p]++;
        }

        return new SegmentationScore(
            Ratio(both.Sum(), counted),
            [.. Enumerable.Range(0, classes).Select(k => Ratio(both[k], predicted[k] + actual[k] - both[k]))],
            [.. Enumerable.Range(0, classes).Select(k => Ratio(2 * both[k], predicted[k] + actual[k]))]);
    }

    /// <summary>Nothing predicted where nothing is, is a perfect answer.</summary>
    private static double Ratio(long part, long whole) => whole == 0 ? 1 : part / (double)whole;
}
