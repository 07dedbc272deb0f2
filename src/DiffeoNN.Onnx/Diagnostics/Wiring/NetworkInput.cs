using DiffeoNN.Onnx.Bundles;
using TorchSharp;

namespace DiffeoNN.Onnx.Diagnostics.Wiring;

/// <summary>What a network may have been trained on.</summary>
/// <param name="Name">As a finding says it: "pixel values of 0 to 255".</param>
/// <param name="Manifest">What the manifest's image must say for it.</param>
/// <param name="Of">Pixel values (N, C, H, W) to what the network is given.</param>
internal sealed record NetworkInput(string Name, string Manifest, Func<torch.Tensor, torch.Tensor> Of)
{
    /// <summary>What the manifest says, then what else it might be.</summary>
    public static IReadOnlyList<NetworkInput> All(ImageSpec image)
    {
        var wired = Normalised("what the manifest says", [.. image.Mean], [.. image.Std]);
        double[] zeros = [.. image.Mean.Select(_ => 0.0)], ones = [.. image.Std.Select(_ => 1.0)];
        double[] halves = [.. image.Mean.Select(_ => 0.5)];
        bool colour = image.Channels == 3;
        double[] usualMean = colour ? [0.485, 0.456, 0.406] : [.. image.Mean.Select(_ => 0.485)];
        double[] usualStd = colour ? [0.229, 0.224, 0.225] : [.. image.Std.Select(_ => 0.229)];
        (double[] Mean, double[] Std, string Name)[] others =
        [
            (zeros, ones, "pixel values of 0 to 1"),
            (zeros, [.. ones.Select(one => one / 255)], "pixel values of 0 to 255"),
            (halves, halves, "pixel values of -1 to 1"),
            (usualMean, usualStd, "pixel values normalised as for ImageNet"),
        ];
        return [wired, .. others.Where(other => !Same(other)).Select(other => Normalised(other.Name, other.Mean, other.Std))];

        bool Same((double[] Mean, double[] Std, string Name) other) =>
            image.Mean.Zip(other.Mean).All(pair => Math.Abs(pair.First - pair.Second) < 1e-3)
            && image.Std.Zip(other.Std).All(pair => Math.Abs((pair.First / pair.Second) - 1) < 0.02);
    }

    private static NetworkInput Normalised(string name, double[] mean, double[] std) => new(
        name,
        mean.Distinct().Count() > 1
            ? $"mean {string.Join(", ", mean.Select(WiringDiagnosis.Text))} and std {string.Join(", ", std.Select(WiringDiagnosis.Text))}"
            : $"mean {WiringDiagnosis.Text(mean[0])} and std "
            + $"{(std[0] < 0.01 ? "1/255 (0.003921569)" : WiringDiagnosis.Text(std[0]))} for each channel",
        images =>
        {
            var shift = torch.tensor(mean, dtype: torch.float32, device: images.device).view(1, -1, 1, 1);
            var scale = torch.tensor(std, dtype: torch.float32, device: images.device).view(1, -1, 1, 1);
            return ((images - shift) / scale).contiguous();
        });
}
