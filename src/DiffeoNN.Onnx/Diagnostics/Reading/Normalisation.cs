using System.Globalization;

namespace DiffeoNN.Onnx.Diagnostics.Reading;

/// <summary>What pixel values may have become before a network was trained on them.</summary>
/// <param name="Name">In words; empty for numbers that are no usual ones.</param>
/// <param name="Range">The value of white.</param>
/// <param name="Mean">One a channel, in units of the range.</param>
/// <param name="Std">One a channel, in units of the range.</param>
internal sealed record Normalisation(string Name, double Range, double[] Mean, double[] Std)
{
    /// <summary>Pixel values as they are.</summary>
    public static Normalisation Pixels(int channels) => new("pixel values of 0 to 1", 1, Same(channels, 0), Same(channels, 1));

    /// <summary>Pixel values of 0 to 255.</summary>
    public static Normalisation Bytes(int channels) => new("pixel values of 0 to 255", 255, Same(channels, 0), Same(channels, 1));

    /// <summary>What is usual for images of that kind, pixel values of 0 to 1 first.</summary>
    public static IReadOnlyList<Normalisation> Usual(int channels, int height, int width)
    {
        List<Normalisation> usual =
        [
            Pixels(channels), Bytes(channels), new("pixel values of -1 to 1", 1, Same(channels, 0.5), Same(channels, 0.5)),
        ];
        var isSmall = Math.Max(height, width) <= 32;
        if (channels == 3) usual.Add(new("normalised as for ImageNet", 1, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]));
        if (channels == 3 && isSmall) usual.Add(new("normalised as for CIFAR-10", 1, [0.4914, 0.4822, 0.4465], [0.247, 0.2435, 0.2616]));
        if (channels == 1 && isSmall) usual.Add(new("normalised as for MNIST", 1, [0.1307], [0.3081]));
        return usual;
    }

    /// <summary>Whether pixel values stay as they are but for the range.</summary>
    public bool IsPlain => Array.TrueForAll(Mean, value => value == 0) && Array.TrueForAll(Std, value => value == 1);

    /// <summary>Whether pixel values become the same.</summary>
    public bool IsSame(Normalisation other) =>
        Range == other.Range && Mean.AsSpan().SequenceEqual(other.Mean) && Std.AsSpan().SequenceEqual(other.Std);

    /// <summary>What a pixel value becomes.</summary>
    public double Of(double pixel, int channel) => ((Range * pixel) - Mean[channel]) / Std[channel];

    /// <inheritdoc/>
    public override string ToString()
    {
        var numbers = $"range {Text([Range])}, mean {Text(Mean)}, std {Text(Std)}";
        return Name.Length == 0 ? numbers : IsPlain ? Name : $"{Name}, {numbers}";
    }

    private static string Text(double[] values) =>
        string.Join(" ", (values.Distinct().Count() == 1 ? [values[0]] : values).Select(
            value => value.ToString("0.######", CultureInfo.InvariantCulture)));

    private static double[] Same(int channels, double value) => [.. Enumerable.Repeat(value, channels)];
}
