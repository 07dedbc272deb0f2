using TorchSharp;

namespace DiffeoNN.Onnx.Benchmarks;

/// <summary>Smooth images with values in [0, 1], each a little different.</summary>
internal static class TestImages
{
    /// <summary>Shape (n, 1, size, size), float32; the caller disposes it.</summary>
    public static torch.Tensor Create(int n, int size)
    {
        var values = new float[n * size * size];
        for (var i = 0; i < values.Length; i++)
        {
            var (image, x, y) = (i / (size * size), i % size / (double)size, i / size % size / (double)size);
            values[i] = (float)(0.5 + (0.3 * Math.Sin((12 * x) + image)) + (0.2 * Math.Cos((9 * y) - (5 * x))));
        }

        return torch.tensor(values, [n, 1, size, size]);
    }
}
