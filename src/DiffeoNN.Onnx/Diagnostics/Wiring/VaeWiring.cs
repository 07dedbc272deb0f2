using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Diagnostics.Wiring;

/// <summary>Whether a VAE reconstructs undeformed images, as pixel values.</summary>
internal static class VaeWiring
{
    /// <summary>Variance explained: with less than <see cref="Poor"/> after the best scale and shift those say nothing,
    /// with <see cref="Fair"/> without them no other input is looked for, and <see cref="Gain"/> is what another input has to gain over
    /// them.</summary>
    private const double Poor = 0.3, Fair = 0.7, Gain = 0.05;

    /// <summary>How much of it scale and shift may make up: a dull reconstruction is no other unit.</summary>
    private const double Slack = 0.15;

    /// <summary>What is found, and what the VAE was clearly trained on: null if that is unknown.</summary>
    public static (IReadOnlyList<Finding> Findings, NetworkInput? Range) Run(
        WiringSample sample, IEngine engine, CancellationToken cancellationToken)
    {
        var bundle = sample.Bundle;
        var spec = bundle.Manifest.Models.Vae!;
        var subject = $"vae ({spec.File})";
        using var network = Network.OnValues(bundle, BundleRole.Vae, engine);
        var inputs = NetworkInput.All(bundle.Image, network.Format);
        var wired = Reconstruct(inputs[0]);
        // Other inputs are asked for only where the one that is wired leaves them something to gain.
        Fit[] fits = wired.Direct < Fair ? [wired, .. inputs.Skip(1).Select(Reconstruct)] : [wired];
        var best = Enumerable.Range(0, fits.Length).MaxBy(i => fits[i].Score);
        var swapped = PosteriorWiring.Run(sample, network, subject, cancellationToken);
        if (best > 0 && fits[best].Score > wired.Explained + Gain)
        {
            var asWired = $"reconstructs {Percent(wired.Direct)} of the images' variance as wired";
            int[] near = [.. Enumerable.Range(1, fits.Length - 1).Where(i => fits[i].Score > fits[best].Score - Gain)];
            return near.Length == 1
                ? ([WiringDiagnosis.OtherInput(
                    subject, inputs[best], $"{asWired}, {Percent(fits[best].Score)} from {inputs[best].Name}"), .. swapped], inputs[best])
                : ([WiringDiagnosis.UnknownInput(
                    subject, $"{asWired}, {string.Join(", ", near.Select(i => $"{Percent(fits[i].Score)} from {inputs[i].Name}"))}"),
                    .. swapped], null);
        }

        if (wired.Explained < Poor)
        {
            return ([new(FindingLevel.Warning, subject,
                $"its reconstruction has little to do with its input: {Percent(wired.Explained)} of the variance",
                "check that the images are of the kind it was trained on, that its trained weights were exported, and which output is "
                + "which"),
                .. swapped], null);
        }

        return ([wired.Direct >= wired.Explained - Slack ? Close(wired) : OtherUnit(wired), .. swapped], inputs[0]);

        Fit Reconstruct(NetworkInput input)
        {
            using var scope = torch.NewDisposeScope();
            var images = sample.Images.narrow(0, 0, sample.Count / 2);
            var reconstruction = network.Run(input.Of(images), spec.Reconstruction, cancellationToken);
            if (network.Format.Layout == ChannelLayout.ChannelsLast) reconstruction = reconstruction.permute(0, 3, 1, 2);
            var pixels = new NetworkPixels(network.Format, bundle.Image).Of(images);
            return Fit.Of(pixels, network.Format.Range == 1 ? reconstruction : reconstruction.Times(1 / network.Format.Range));
        }

        Finding Close(Fit fit) => new(FindingLevel.Good, subject,
            $"reconstructs {Percent(fit.Direct)} of the images' variance, in pixel values of {Range(fit)}");

        Finding OtherUnit(Fit fit)
        {
            var unit = fit.Scale.All(scale => Math.Abs((scale * 255) - 1) < 0.5) ? "values of 0 to 255" : "normalised values";
            var mean = string.Join(", ", fit.Shift.Select(WiringDiagnosis.Text));
            var std = string.Join(", ", fit.Scale.Select(WiringDiagnosis.Text));
            return new(FindingLevel.Problem, subject,
                $"its reconstruction is in {unit}, from {Range(fit)}: it is (pixel - mean) / std with mean {mean} and std {std}, "
                + "while the energy compares it with pixel values of 0 to 1",
                "export the VAE with its reconstruction times std plus mean, so that it answers in pixel values");
        }
    }

    private static string Range(Fit fit) => $"{WiringDiagnosis.Text(fit.Least)} to {WiringDiagnosis.Text(fit.Most)}";

    private static string Percent(double share) => FormattableString.Invariant($"{100 * Math.Max(0, share):0} %");

    /// <summary>How well a reconstruction r says what the image x is: x = scale r + shift, channel by channel.</summary>
    private sealed record Fit(double Explained, double Direct, double[] Scale, double[] Shift, double Least, double Most)
    {
        /// <summary>What speaks for an input: scale and shift of the reconstruction may be wrong as well,
        /// but that is the lesser guess.</summary>
        public double Score => Math.Max(Direct, Explained - 0.1);

        public static Fit Of(torch.Tensor images, torch.Tensor reconstruction)
        {
            using var scope = torch.NewDisposeScope();
            var (x, r) = (Channels(images), Channels(reconstruction));
            var (dx, dr) = (x - x.mean([1L], true), r - r.mean([1L], true));
            var (xx, rr, xr) = ((dx * dx).mean([1L]), (dr * dr).mean([1L]), (dx * dr).mean([1L]));
            var (ratio, variance) = ((xr / rr.AtLeastNumber(1e-30)).data<double>().ToArray(), xx.sum().item<double>());
            var error = (x - r).Squared().mean([1L]).sum().item<double>();
            // A share of the variance that only a thousandfold reconstruction would have says that it hardly depends on the image.
            var sane = ratio.All(scale => scale is > 1 / 1000.0 and < 10);
            return new Fit(
                sane && variance > 0 ? (xr * xr / rr.AtLeastNumber(1e-30)).sum().item<double>() / variance : 0,
                variance > 0 ? 1 - (error / variance) : 0,
                ratio,
                [.. x.mean([1L]).data<double>().Zip(r.mean([1L]).data<double>(), ratio)
                    .Select(at => at.First - (at.Third * at.Second))],
                r.min().item<double>(), r.max().item<double>());
        }

        private static torch.Tensor Channels(torch.Tensor images) =>
            images.detach().cpu().to(torch.float64).transpose(0, 1).flatten(1);
    }
}
