using DiffeoNN.Onnx.RandomNumbers;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;
using F = TorchSharp.torch.nn.functional;

namespace DiffeoNN.Onnx.Training.Fitting;

/// <summary>Varies brightness, contrast, gamma, noise and sharpness of images; shapes stay.</summary>
internal static class ImageVariation
{
    /// <summary>Images of [0, 1], varied; in the current dispose scope.</summary>
    public static torch.Tensor Vary(torch.Tensor x, DeformationSampling sampling, SplitMix64 random)
    {
        var (strength, count) = (sampling.Intensity, (int)x.size(0));
        if (strength > 0)
        {
            var gain = MapPool.Numbers(count, () => 1 + (0.4 * strength * random.Uniform(-1, 1)));
            var shift = MapPool.Numbers(count, () => 0.5 + (0.2 * strength * random.Uniform(-1, 1)));
            var power = MapPool.Numbers(count, () => Math.Exp(0.6 * strength * random.Uniform(-1, 1)));
            x = x.AtLeastNumber(1e-4).pow(power).Plus(-0.5).mul(gain).add_(shift);
            x = x.AddInPlace(Noise(x.shape, random), 0.02 * strength).Between(0, 1);
        }

        return sampling.Blur > 0 ? Blur(x, sampling.Blur, random) : x;
    }

    /// <summary>Standard normal numbers.</summary>
    public static torch.Tensor Noise(long[] shape, SplitMix64 random)
    {
        using var generator = new torch.Generator(random.Next() >> 1);
        return torch.randn(shape, generator: generator);
    }

    /// <summary>Blurred at most as by the tent 1-2-1, which is what resampling between pixels does twice.</summary>
    private static torch.Tensor Blur(torch.Tensor x, double share, SplitMix64 random)
    {
        var amount = MapPool.Numbers((int)x.size(0), () =>
        {
            var isBlurred = random.Uniform() < share;
            return Math.Min(1, 1.3 * random.Uniform()) * (isBlurred ? 1 : 0);
        });
        var channels = x.size(1);
        var tent = torch.tensor(new[] { 1f, 2, 1, 2, 4, 2, 1, 2, 1 }).Times(1 / 16.0).view(1, 1, 3, 3).expand(channels, 1, 3, 3);
        var blurred = F.conv2d(F.pad(x, [1, 1, 1, 1], PaddingModes.Replicate), tent, groups: channels);
        return x.Plus(amount.mul(blurred.Minus(x)));
    }
}
