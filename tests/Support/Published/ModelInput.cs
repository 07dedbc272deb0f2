using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Tests.Support;

/// <summary>What a published network is fed: of the kind and range that it was made for.</summary>
/// <param name="Shape">Its shape.</param>
/// <param name="Generate">Makes its elements.</param>
internal sealed record ModelInput(long[] Shape, Func<long[], Random, double[]> Generate)
{
    /// <summary>Whether the input becomes a constant of the model that is differentiated.</summary>
    public bool IsConstant { get; init; }

    private OnnxElementType ElementType { get; init; } = OnnxElementType.Float;

    /// <summary>Evenly distributed numbers.</summary>
    public static ModelInput Noise(double low, double high, params long[] shape) =>
        new(shape, (s, r) => [.. Enumerable.Range(0, Count(s)).Select(_ => low + ((high - low) * r.NextDouble()))]);

    public static ModelInput Constant(long value) => new([], (_, _) => [value]) { ElementType = OnnxElementType.Int64, IsConstant = true };

    /// <summary>Waves of several lengths and directions with a little noise, (1, C, H, W), within a range.</summary>
    public static ModelInput Picture(double low, double high, params long[] shape) => new(shape, (s, r) =>
    {
        var (area, width) = ((int)(s[2] * s[3]), (int)s[3]);
        var waves = Enumerable.Range(0, 12)
            .Select(_ => (X: 0.6 * (r.NextDouble() - 0.5), Y: 0.6 * (r.NextDouble() - 0.5), Phase: 7 * r.NextDouble())).ToArray();
        return [.. Enumerable.Range(0, Count(s)).Select(i =>
        {
            var (channel, y, x) = (i / area, i % area / width, i % width);
            var wave = waves.Average(w => Math.Sin((w.X * x) + (w.Y * y) + w.Phase + channel));
            return low + ((high - low) * (0.5 + (0.45 * wave) + (0.1 * (r.NextDouble() - 0.5))));
        })];
    });

    /// <summary>(N, samples, 1) or (N, samples): a few tones and noise, between -1 and 1.</summary>
    public static ModelInput Sound(params long[] shape) => new(shape, (s, r) =>
    {
        var tones = Enumerable.Range(0, 4).Select(_ => (Frequency: 0.02 + (0.2 * r.NextDouble()), Phase: 6 * r.NextDouble())).ToArray();
        return [.. Enumerable.Range(0, Count(s)).Select(
            i => (0.2 * tones.Sum(t => Math.Sin((t.Frequency * i) + t.Phase))) + (0.4 * (r.NextDouble() - 0.5)))];
    });

    /// <summary>(1, 3, H, W): rows of dark strokes on a light ground, normalised by the usual means and deviations of
    /// photographs.</summary>
    public static ModelInput Writing(params long[] shape) => new(shape, (s, r) =>
    {
        var (height, width) = ((int)s[2], (int)s[3]);
        var grey = Enumerable.Range(0, height * width).Select(_ => 0.9 + (0.05 * r.NextDouble())).ToArray();
        for (var top = 16; top + 20 <= height; top += 40)
        {
            for (var left = 12; left + 10 < width; left += 14)
            {
                var (slant, bar) = (r.Next(-4, 5), r.Next(4, 16));
                for (var y = 0; y < 20; y++)
                {
                    for (var x = 0; x < 3; x++)
                        grey[((top + y) * width) + left + 4 + (slant * y / 20) + x] *= 0.1;
                }

                for (var x = 0; x < 9; x++)
                    grey[((top + bar) * width) + left + x] *= 0.1;
            }
        }

        double[] mean = [0.485, 0.456, 0.406], deviation = [0.229, 0.224, 0.225];
        return [.. Enumerable.Range(0, 3).SelectMany(c => grey.Select(g => (g - mean[c]) / deviation[c]))];
    });

    public OnnxTensor Make(string name, Random random) => OnnxTensor.FromDoubles(name, ElementType, Shape, Generate(Shape, random));

    private static int Count(long[] shape) => (int)shape.Aggregate(1L, (a, b) => a * b);
}
