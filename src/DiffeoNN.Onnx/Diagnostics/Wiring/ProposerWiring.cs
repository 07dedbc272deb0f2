using System.Globalization;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Diagnostics.Wiring;

/// <summary>Whether proposals lead deformed images back: of all readings of the output,
/// the manifest's has to come nearest to the undeformed one.
/// </summary>
internal static class ProposerWiring
{
    /// <summary>Share of the squared error between deformed and undeformed image that a proposal has to remove to count as one.</summary>
    private const double Least = 0.1;

    /// <summary>From which share on no other input is looked for.</summary>
    private const double Fair = 0.5;

    /// <summary>By how much another reading or input has to be better.</summary>
    private const double Clear = 0.1;

    private static readonly Reading[] Readings =
    [
        new("", "", (v, _) => v),
        new("is negated: it is the map from the undeformed image to the deformed one", "negate its output before the export", (v, _) => -v),
        new("has its components swapped: y comes first", "swap the two channels of its output, x first", (v, _) => v.flip(1)),
        new("has its components swapped and negated", "swap the two channels of its output, x first, and negate them",
            (v, _) => -v.flip(1)),
        new("is in pixels", "multiply its output by 2 / (the longest side - 1)", (v, grid) => v.Times(grid.PixelSize)),
        new("is in pixels and negated", "multiply its output by -2 / (the longest side - 1)", (v, grid) => v.Times(-grid.PixelSize)),
        new("is in pixels and has its components swapped", "swap the two channels of its output, x first, and multiply them by "
            + "2 / (the longest side - 1)", (v, grid) => v.flip(1).Times(grid.PixelSize)),
        new("is in pixels, has its components swapped and negated", "swap the two channels of its output, x first, and multiply them by "
            + "-2 / (the longest side - 1)", (v, grid) => v.flip(1).Times(-grid.PixelSize)),
    ];

    public static IEnumerable<Finding> Run(
        WiringSample sample, IEngine engine, OnnxEnergy energy, bool energyIsSound, CancellationToken cancellationToken)
    {
        var bundle = sample.Bundle;
        var spec = bundle.Manifest.Models.Proposer!;
        var subject = $"proposer ({spec.File})";
        using var network = Network.OnValues(bundle, BundleRole.Proposer, engine);
        var settings = bundle.Plan().FromProposal;
        var inputs = NetworkInput.All(bundle.Image, network.Format);
        using var scope = torch.NewDisposeScope();
        var asWired = Ask(inputs[0]);
        if (asWired.isfinite().logical_not().any().item<bool>())
        {
            yield return new(FindingLevel.Problem, subject, "its proposal is not finite for some of the images",
                "look at its weights; the training may have diverged");
            yield break;
        }

        double[] gains = [.. Readings.Select(reading => GainOf(reading, asWired))];
        var best = Enumerable.Range(0, gains.Length).MaxBy(i => gains[i]);
        var wired = $"changes the squared distance to the undeformed image by {Change(gains[0])}";
        // Other inputs are asked for only where the one that is wired leaves them something to gain.
        var verdict = gains[0] < Fair || gains[best] > gains[0] + Clear ? Fault() : null;
        yield return verdict ?? new(FindingLevel.Good, subject, $"its proposal {wired}");
        if (verdict is not null) yield break;
        if (!energyIsSound) yield break;
        using var before = energy.Evaluate(sample.Deformed, false, cancellationToken);
        using var after = energy.Evaluate(Warped(Readings[0], asWired), false, cancellationToken);
        var falls = WiringSample.Compare(after.Energy, before.Energy);
        yield return falls.Rises * 4 >= sample.Count * 3
            ? new(FindingLevel.Good, subject, $"its proposal lowers the energy of {falls.Rises} of {sample.Count} deformed images")
            : new(FindingLevel.Warning, subject,
                $"its proposal lowers the energy of {falls.Rises} of {sample.Count} deformed images only, so most are refused",
                "energy and proposer contradict each other: weigh the energy's terms anew with tune, or train the proposer longer");

        Finding? Fault()
        {
            var answers = inputs.Skip(1).Select(input => (Input: input, Velocity: Ask(input))).ToList();
            var other = answers.Select(answer => (answer.Input, Gain: GainOf(Readings[0], answer.Velocity))).MaxBy(pair => pair.Gain);
            if (other.Gain >= Least && other.Gain > gains[best] + Clear)
                return WiringDiagnosis.OtherInput(
                    subject, other.Input, $"{wired} as wired, by {Change(other.Gain)} from {other.Input.Name}");
            // Two faults at once explain more by chance: they have to explain clearly more than one does.
            if (gains[best] < Fair && Both(answers, Math.Max(gains[best], other.Gain)) is { } both) return both;
            if (gains[0] >= Least && gains[best] <= gains[0] + Clear) return null;
            return best > 0 && gains[best] >= Least
                ? new Finding(FindingLevel.Problem, subject,
                    $"{Readings[best].Name}. Its proposal {wired}; read so, by {Change(gains[best])}. "
                    + "The canonical image is y(p) = x(exp(v)(p)), x first, in units of half the longest side",
                    Readings[best].Advice)
                : new Finding(FindingLevel.Warning, subject, $"its proposal {wired}",
                    "check that the images are undeformed and of the kind it was trained on, and that its trained weights were exported");
        }

        Finding? Both(List<(NetworkInput Input, torch.Tensor Velocity)> answers, double single)
        {
            var (input, reading, gain) = answers
                .SelectMany(answer => Readings.Skip(1)
                    .Select(reading => (answer.Input, Reading: reading, Gain: GainOf(reading, answer.Velocity))))
                .MaxBy(guess => guess.Gain);
            return gain >= 2 * Least && gain > single + Clear
                ? WiringDiagnosis.OtherInput(subject, input,
                    $"{wired} as wired. From {input.Name} it {reading.Name}; read so, by {Change(gain)}", reading.Advice)
                : null;
        }

        torch.Tensor Ask(NetworkInput input) => network.Run(input.Of(sample.Deformed), spec.Output, cancellationToken);

        static string Change(double gain) => double.IsFinite(gain)
            ? string.Create(CultureInfo.InvariantCulture, $"{-100 * gain:+0;-0;0} %")
            : "no finite share";

        double GainOf(Reading reading, torch.Tensor velocity)
        {
            using var inner = torch.NewDisposeScope();
            double apart = (sample.Deformed - sample.Images).Squared().sum().item<float>();
            double left = (Warped(reading, velocity) - sample.Images).Squared().sum().item<float>();
            return apart > 0 && double.IsFinite(left) ? 1 - (left / apart) : double.NegativeInfinity;
        }

        torch.Tensor Warped(Reading reading, torch.Tensor velocity)
        {
            var grid = SamplingGrid.Of(sample.Deformed);
            var full = LatticeUpsampling.Resample(reading.Of(velocity.to(sample.Deformed.device), grid), grid);
            var squarings = ScalingAndSquaring.Squarings(full, settings.Squarings);
            return Warp.Apply(sample.Deformed, ScalingAndSquaring.Exp(full, squarings), settings.Padding);
        }
    }

    /// <summary>One way to take a proposer's output.</summary>
    /// <param name="Name">What is wrong with the output if this is right.</param>
    /// <param name="Advice">What to do then.</param>
    /// <param name="Of">The velocity that is meant.</param>
    private sealed record Reading(string Name, string Advice, Func<torch.Tensor, SamplingGrid, torch.Tensor> Of);
}
