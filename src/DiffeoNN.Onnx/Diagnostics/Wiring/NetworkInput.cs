using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Inference;
using TorchSharp;

namespace DiffeoNN.Onnx.Diagnostics.Wiring;

/// <summary>What a network may have been trained on.</summary>
/// <param name="Name">As a finding says it: "pixel values of 0 to 255".</param>
/// <param name="Manifest">What mean and std the manifest must say for it.</param>
/// <param name="IsOwn">Whether the manifest says it of this network alone, and not of its image.</param>
/// <param name="Of">Pixel values (N, C, H, W) of the bundle to normalised ones (N, c, h, w) of the network.</param>
internal sealed record NetworkInput(string Name, string Manifest, bool IsOwn, Func<torch.Tensor, torch.Tensor> Of)
{
    /// <summary>What the manifest says, then what else it might be; of bytes, which are 0 to 255, nothing else.</summary>
    /// <param name="image">What images are.</param>
    /// <param name="format">What the network takes.</param>
    public static IReadOnlyList<NetworkInput> All(ImageSpec image, InputFormat format)
    {
        // As of pixel values of 0 to 1, whatever the network's range.
        double[] ownMean = [.. format.Mean.Select(mean => mean / format.Range)], ownStd = [.. format.Std.Select(std => std / format.Range)];
        var isOwn = format.Range != 1 || !format.Mean.SequenceEqual(image.Mean) || !format.Std.SequenceEqual(image.Std);
        var pixels = new NetworkPixels(format, image);
        var wired = Normalised("what the manifest says", ownMean, ownStd);
        if (format.Type == OnnxElementType.UInt8) return [wired];
        double[] zeros = [.. ownMean.Select(_ => 0.0)], ones = [.. ownStd.Select(_ => 1.0)];
        double[] halves = [.. ownMean.Select(_ => 0.5)];
        var colour = format.Channels == 3;
        double[] usualMean = colour ? [0.485, 0.456, 0.406] : [.. ownMean.Select(_ => 0.485)];
        double[] usualStd = colour ? [0.229, 0.224, 0.225] : [.. ownStd.Select(_ => 0.229)];
        (double[] Mean, double[] Std, string Name)[] others =
        [
            (zeros, ones, "pixel values of 0 to 1"),
            (zeros, [.. ones.Select(one => one / 255)], "pixel values of 0 to 255"),
            (halves, halves, "pixel values of -1 to 1"),
            (usualMean, usualStd, "pixel values normalised as for ImageNet"),
        ];
        return [wired, .. others.Where(other => !Same(other)).Select(other => Normalised(other.Name, other.Mean, other.Std))];

        bool Same((double[] Mean, double[] Std, string Name) other) =>
            ownMean.Zip(other.Mean).All(pair => Math.Abs(pair.First - pair.Second) < 1e-3)
            && ownStd.Zip(other.Std).All(pair => Math.Abs((pair.First / pair.Second) - 1) < 0.02);

        static string List(double[] values) => string.Join(", ", values.Select(WiringDiagnosis.Text));

        NetworkInput Normalised(string name, double[] mean, double[] std) => new(
            name,
            mean.Distinct().Count() > 1
                ? $"mean {List(mean)} and std {List(std)}"
                : $"mean {WiringDiagnosis.Text(mean[0])} and std "
                + $"{(std[0] < 0.01 ? "1/255 (0.003921569)" : WiringDiagnosis.Text(std[0]))} for each channel",
            isOwn,
            images =>
            {
                var shift = torch.tensor(mean, dtype: torch.float32, device: images.device).view(1, -1, 1, 1);
                var scale = torch.tensor(std, dtype: torch.float32, device: images.device).view(1, -1, 1, 1);
                return ((pixels.Of(images) - shift) / scale).contiguous();
            });
    }
}
