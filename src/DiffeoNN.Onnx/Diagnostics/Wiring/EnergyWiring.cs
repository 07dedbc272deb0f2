using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Metrics;
using DiffeoNN.Onnx.Search;
using TorchSharp;

namespace DiffeoNN.Onnx.Diagnostics.Wiring;

/// <summary>Whether energies rise when images are deformed: the whole, and what the networks that score images say by themselves.</summary>
internal static class EnergyWiring
{
    /// <summary>Mean difference within the pairs, by its standard deviation, that says something.</summary>
    private const double Clear = 0.5;

    /// <summary>What the second best range may reach of the best one's difference, if the best is to be named.</summary>
    private const double Second = 0.8;

    /// <summary>The critic, or an energy of the user's own.</summary>
    /// <param name="sample">Images.</param>
    /// <param name="role">Which of them.</param>
    /// <param name="range">What the VAE was clearly trained on; null if that is unknown.</param>
    /// <param name="engine">Runs it.</param>
    /// <param name="cancellationToken">Stops between two runs.</param>
    public static Finding OfNetwork(
        WiringSample sample, BundleRole role, NetworkInput? range, IEngine engine, CancellationToken cancellationToken)
    {
        var bundle = sample.Bundle;
        var file = bundle.Manifest.Models[role]!;
        var output = role == BundleRole.Critic ? bundle.Manifest.Models.Critic!.Output : bundle.Manifest.Models.Energy!.Output;
        var subject = $"{BundleValidator.Title(role)} ({file.File})";
        using var network = Network.OnValues(bundle, role, engine);
        var inputs = NetworkInput.All(bundle.Image, network.Format);
        var wired = Separate(inputs[0]);
        // Other inputs are asked for only where the one that is wired says little.
        var saysLittle = Math.Abs(wired.Effect) < Clear || wired.Pairs is { MostRise: false, MostFall: false };
        Separation[] found = saysLittle ? [wired, .. inputs.Skip(1).Select(Separate)] : [wired];
        var best = Enumerable.Range(0, found.Length).MaxBy(i => Math.Abs(found[i].Effect));
        var pairs = $"is higher on the deformed image in {wired.Pairs}";
        if (best > 0 && found[best].Pairs.IsEnough && Math.Abs(found[best].Effect) > Math.Abs(wired.Effect) + Clear)
        {
            int[] near = [.. Enumerable.Range(1, found.Length - 1)
                .Where(i => Math.Abs(found[i].Effect) > Second * Math.Abs(found[best].Effect))];
            var named = near.Length > 1 ? Array.FindIndex(inputs.ToArray(), input => input.Name == range?.Name) : best;
            if (!near.Contains(named))
            {
                var negated = near.All(i => found[i].Pairs.MostFall)
                    ? ". It is negated, too: it is lower on the deformed image then"
                    : "";
                return WiringDiagnosis.UnknownInput(
                    subject, $"{pairs} as wired, and tells them apart better from {Names(near)}{negated}");
            }

            var other = found[named];
            var told = Math.Max(other.Pairs.Rises, other.Pairs.Telling - other.Pairs.Rises);
            var text = $"{pairs} as wired, and tells in {told} of {other.Pairs.Telling} which is which from {inputs[named].Name}";
            return other.Pairs.MostFall
                ? WiringDiagnosis.OtherInput(
                    subject, inputs[named], $"{text}. It is negated, too: it is lower on the deformed image then", "negate its output")
                : WiringDiagnosis.OtherInput(subject, inputs[named], text);
        }

        return OfPairs(subject, wired.Pairs, sample.Count, bundle.Manifest.Provenance?.Tool == "diffeonn fit");

        string Names(int[] which) => string.Join(" and from ", which.Select(i => inputs[i].Name));

        Separation Separate(NetworkInput input)
        {
            using var scope = torch.NewDisposeScope();
            return Separation.Of(Score(sample.Images), Score(sample.Deformed));

            torch.Tensor Score(torch.Tensor images) =>
                network.Run(input.Of(images), output, cancellationToken)
                    .to(torch.float64).reshape(images.size(0), -1).mean([1L]);
        }
    }

    /// <summary>What pairs of scores say.</summary>
    /// <param name="subject">The network.</param>
    /// <param name="pairs">Of undeformed and deformed images.</param>
    /// <param name="all">All pairs.</param>
    /// <param name="isFitted">Whether <c>diffeonn fit</c> made the bundle.</param>
    internal static Finding OfPairs(string subject, Pairs pairs, int all, bool isFitted)
    {
        var higher = $"is higher on the deformed image in {pairs}";
        if (!pairs.IsEnough)
        {
            return new(FindingLevel.Warning, subject,
                $"gives {pairs.Ties} of {all} deformed images the score of the undeformed one, so that nothing can be said",
                "check that the images are of the kind it was trained on, and that its trained weights were exported");
        }

        if (pairs.MostRise) return new(FindingLevel.Good, subject, higher);
        if (pairs.MoreRise)
        {
            return new(FindingLevel.Note, subject,
                $"tells deformed from undeformed images better than chance, and not clearly: it {higher}",
                isFitted ? "'diffeonn fit' with a longer --time trains it further" : "");
        }

        return pairs.MostFall
            ? new(FindingLevel.Problem, subject,
                $"is negated: it {higher}; it has to be low on undeformed images and high on deformed ones",
                "negate its output before the export, or export the score with the other sign")
            : new(FindingLevel.Warning, subject, $"does not tell deformed from undeformed images: it {higher}",
                isFitted
                    ? "check that the images are undeformed and of the kind it was trained on; 'diffeonn fit' with a longer --time trains "
                        + "it further"
                    : "check that the images are undeformed and of the kind it was trained on, and that its trained weights were exported");
    }

    /// <summary>The energy that is minimised, as the bundle weighs it.</summary>
    public static IEnumerable<Finding> OfWhole(WiringSample sample, OnnxEnergy energy, CancellationToken cancellationToken)
    {
        using var scope = torch.NewDisposeScope();
        using var undeformed = energy.Evaluate(sample.Images, false, cancellationToken);
        using var deformed = energy.Evaluate(sample.Deformed, false, cancellationToken);
        double[] own = [.. undeformed.Energy.narrow(0, 0, sample.Count / 2).cpu().data<float>().Select(value => (double)value).Order()];
        if (!own.All(double.IsFinite) || deformed.Energy.isfinite().logical_not().any().item<bool>())
        {
            yield return new(FindingLevel.Problem, "energy", "is not finite for some of the images",
                "look at the terms one by one; a logarithm or a division in a network may meet 0");
            yield break;
        }

        var pairs = WiringSample.Compare(undeformed.Energy, deformed.Energy);
        var text = $"rises with deformation in {pairs}; undeformed images have "
            + $"{WiringDiagnosis.Text(own[0])} to {WiringDiagnosis.Text(own[^1])}, "
            + $"median {WiringDiagnosis.Text(SummaryStatistics.Quantile(own, 0.5))}";
        yield return !pairs.IsEnough
            ? new(FindingLevel.Warning, "energy", text + ": too few differ to say more", "see what is said of its networks")
            : pairs.MostRise
            ? new(FindingLevel.Good, "energy", text)
            : pairs.MoreRise
            ? new(FindingLevel.Warning, "energy", text + ": more often than by chance, and not clearly",
                "see what is said of its networks; else weigh its terms anew with tune")
            : new(FindingLevel.Problem, "energy", text + ": minimising it does not lead back to undeformed images",
                "see what is said of its networks; else weigh its terms anew with tune");
        var settings = sample.Bundle.Manifest.Search;
        if (!settings.SaysWhenAMapHelps)
        {
            yield return new(FindingLevel.Warning, "acceptance",
                "the manifest does not say when a map helps; until it does an image must lose "
                + $"{100 * SearchSpec.SafeDecrease:0} % of its energy",
                "run tune, which chooses it");
        }

        if (settings.CanonicalBelow is not { } below) yield break;
        var left = own.Count(value => value <= below);
        var alone = $"canonicalBelow {WiringDiagnosis.Text(below)} leaves {left} of {own.Length} undeformed images alone";
        yield return left > 0
            ? new(FindingLevel.Good, "acceptance", alone)
            : new(FindingLevel.Warning, "acceptance", alone,
                "choose it anew with tune: it belongs to the networks and weights it was chosen for");
    }

    /// <summary>How clearly scores differ.</summary>
    /// <param name="Pairs">In how many pairs the deformed image has the higher score.</param>
    /// <param name="Effect">Mean of the differences by their standard deviation.</param>
    private sealed record Separation(Pairs Pairs, double Effect)
    {
        public static Separation Of(torch.Tensor undeformed, torch.Tensor deformed)
        {
            using var scope = torch.NewDisposeScope();
            double[] differences = [.. (deformed - undeformed).cpu().data<double>()];
            var statistics = SummaryStatistics.Of(differences);
            var spread = Math.Max(statistics.StandardDeviation, 1e-12 + (1e-9 * Math.Abs(statistics.Mean)));
            var effect = statistics.Mean / spread;
            return new Separation(WiringSample.Compare(undeformed, deformed), double.IsFinite(effect) ? effect : 0);
        }
    }
}
