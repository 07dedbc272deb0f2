using DiffeoNN.Onnx.Fields;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Fields;

/// <summary>Smooth random fields and images, and their exchange with the double-precision references.</summary>
internal static class FieldFixtures
{
    /// <summary>Sizes every law is checked on: square, wide, tall.</summary>
    public static readonly object[] Sizes = [new[] { 32, 32 }, new[] { 20, 33 }, new[] { 33, 20 }];

    /// <summary>A field of random long waves, largest component about <paramref name="pixels"/>, float32, shape (n, 2, h, w).</summary>
    public static torch.Tensor Field(int n, int height, int width, double pixels, int seed) =>
        Waves(n, 2, height, width, seed, pixels * new SamplingGrid(height, width).PixelSize, 0);

    /// <summary>A smooth image with values about 0.5, float32, shape (n, c, h, w).</summary>
    public static torch.Tensor Image(int n, int channels, int height, int width, int seed) =>
        Waves(n, channels, height, width, seed, 0.3, 0.5);

    /// <summary>One image or field of a batch as planes in double precision.</summary>
    public static double[][,] Planes(torch.Tensor batch, int index)
    {
        using var scope = torch.NewDisposeScope();
        var image = batch[index].to_type(torch.ScalarType.Float64).contiguous();
        var values = image.data<double>().ToArray();
        var (height, width) = ((int)image.size(1), (int)image.size(2));
        return [.. Enumerable.Range(0, (int)image.size(0)).Select(c =>
            ReferenceFields.Fill(height, width, (row, column) => values[(((c * height) + row) * width) + column]))];
    }

    /// <summary>Largest difference relative to the largest expected value.</summary>
    public static double RelativeError(double[][,] actual, double[][,] expected)
    {
        double error = 0, scale = 0;
        for (var c = 0; c < expected.Length; c++)
        {
            for (var row = 0; row < expected[c].GetLength(0); row++)
            {
                for (var column = 0; column < expected[c].GetLength(1); column++)
                {
                    error = Math.Max(error, Math.Abs(actual[c][row, column] - expected[c][row, column]));
                    scale = Math.Max(scale, Math.Abs(expected[c][row, column]));
                }
            }
        }

        return error / scale;
    }

    private static torch.Tensor Waves(int n, int channels, int height, int width, int seed, double amplitude, double offset)
    {
        var random = new Random(seed);
        var values = new float[n * channels * height * width];
        var longest = (double)Math.Max(height, width);
        for (var plane = 0; plane < n * channels; plane++)
        {
            var waves = Enumerable.Range(0, 3).Select(_ => (
                X: random.NextDouble() * 6, Y: random.NextDouble() * 6, Phase: random.NextDouble() * 6.3, Size: amplitude / 3)).ToArray();
            for (var i = 0; i < height * width; i++)
            {
                var (x, y) = (i % width / longest, i / width / longest);
                values[(plane * height * width) + i] =
                    (float)(offset + waves.Sum(wave => wave.Size * Math.Sin((wave.X * x) + (wave.Y * y) + wave.Phase)));
            }
        }

        return torch.tensor(values, [n, channels, height, width]);
    }
}
