using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.RandomNumbers;

namespace DiffeoNN.Onnx.Benchmarks;

/// <summary>A convolution, transposed convolution or dense layer: weights as PyTorch lays them out.</summary>
/// <param name="Shape">(out, in, k, k), (in, out, k, k) when transposed, (out, in) when dense.</param>
/// <param name="Weight">Its values.</param>
/// <param name="Bias">One an output.</param>
internal sealed record Layer(long[] Shape, float[] Weight, float[] Bias);

/// <summary>VAE and critic of the reference's size with random weights: what they say is of no matter here, what they cost is.</summary>
internal sealed class ReferenceNetworks
{
    private static readonly int[] Channels = [32, 64, 128, 256, 256, 256];
    private readonly SplitMix64 _random = new(20);

    /// <summary>Networks for square images of one channel.</summary>
    /// <param name="size">Side, a multiple of 64.</param>
    public ReferenceNetworks(int size)
    {
        Size = size;
        Bottom = size / 64;
        var features = Channels[^1] * Bottom * Bottom;
        Encoder = [.. Channels.Select((channels, i) => Convolution(i == 0 ? 1 : Channels[i - 1], channels, 4))];
        (Mean, LogVariance, FromLatent) = (Dense(features, Latent), Dense(features, Latent), Dense(Latent, features));
        int[] back = [.. Channels.Reverse(), 1];
        Decoder = [.. Enumerable.Range(0, Channels.Length).Select(i => Transposed(back[i], back[i + 1], 4))];
        Critic = [Convolution(1, 16, 5), .. Enumerable.Range(0, 4).Select(_ => Convolution(17, 16, 5)), Convolution(17, 1, 5)];
    }

    /// <summary>Size of the latent code.</summary>
    public const int Latent = 128;

    public int Size { get; }

    /// <summary>Side of the image after six halvings.</summary>
    public int Bottom { get; }

    /// <summary>Kernel 4, stride 2, padding 1, each followed by ReLU.</summary>
    public Layer[] Encoder { get; }

    public Layer Mean { get; }

    public Layer LogVariance { get; }

    /// <summary>Followed by ReLU.</summary>
    public Layer FromLatent { get; }

    /// <summary>Transposed, kernel 4, stride 2, padding 1; ReLU between, sigmoid at the end.</summary>
    public Layer[] Decoder { get; }

    /// <summary>Kernel 5, padding 2; ReLU between; all but the first also see the image.</summary>
    public Layer[] Critic { get; }

    private Layer Convolution(int from, int to, int kernel) => Random([to, from, kernel, kernel], to, from * kernel * kernel);

    private Layer Transposed(int from, int to, int kernel) => Random([from, to, kernel, kernel], to, from * kernel * kernel / 4);

    private Layer Dense(int from, int to) => Random([to, from], to, from);

    // Variance 2 / fan-in keeps activations of about the same size through all layers.
    private Layer Random(long[] shape, int outputs, int fanIn)
    {
        var bound = Math.Sqrt(6.0 / fanIn);
        float[] Draw(long count, double scale) => [.. Enumerable.Range(0, (int)count).Select(_ => (float)_random.Uniform(-scale, scale))];
        return new Layer(shape, Draw(shape.Aggregate(1L, (a, b) => a * b), bound), Draw(outputs, 0.1));
    }
}
