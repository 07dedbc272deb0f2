using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Metrics;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Diagnostics.Wiring;

/// <summary>Whether the networks that answer with classes see what they were trained on. Without truth that shows in three ways only:
/// they answer more than one class, their answers move with the image, and where there are two of them they agree.</summary>
internal static class PredictorWiring
{
    /// <summary>How far answers follow the images if the range is right, what another range has to gain, by how much it has to be the best,
    /// and what it has to gain if the VAE was clearly trained on it.</summary>
    private const double Fair = 0.5, Gain = 0.25, Margin = 0.1, Known = 0.05;

    /// <summary>From which disagreement of two networks for the same classes on undeformed images on other ranges are tried,
    /// and which part of the second best guess's disagreement the best one may have.</summary>
    private const double Differing = 0.05, Clearly = 0.7;

    /// <param name="sample">Images.</param>
    /// <param name="range">What the VAE was clearly trained on; null if that is unknown.</param>
    /// <param name="engine">Runs them.</param>
    /// <param name="cancellationToken">Stops between two runs.</param>
    public static IReadOnlyList<Finding> Run(WiringSample sample, NetworkInput? range, IEngine engine, CancellationToken cancellationToken)
    {
        var networks = new List<Predictor>();
        try
        {
            foreach (var role in new[] { BundleRole.Inner, BundleRole.Augmented }.Where(sample.Bundle.Has))
            {
                var spec = (PredictorSpec)sample.Bundle.Manifest.Models[role]!;
                if (AnswerKinds.Of(spec.Output).HasClasses)
                    networks.Add(new Predictor(sample, role, spec, engine, cancellationToken));
            }

            var peers = networks is [var one, var other] && one.Spec.Output.Kind == other.Spec.Output.Kind
                && one.Inputs.Select(input => input.Name).SequenceEqual(other.Inputs.Select(input => input.Name))
                ? Peers(one, other) : null;
            return [.. networks.Select((network, i) => peers?[i] ?? Alone(network))];
        }
        finally
        {
            networks.ForEach(network => network.Dispose());
        }

        // One of them, or both alike, may be given something else.
        Finding[]? Peers(Predictor first, Predictor second)
        {
            var wired = 1 - first.Agreement(0, second, 0);
            if (wired < Differing || KnownOf(first) > 0) return null;
            var guesses = Enumerable.Range(1, first.Inputs.Count - 1)
                .SelectMany(i => new (int First, int Second)[] { (0, i), (i, 0), (i, i) })
                .Where(pair => first.IsPlausible(pair.First) && second.IsPlausible(pair.Second))
                .Select(pair => (pair.First, pair.Second, Apart: 1 - first.Agreement(pair.First, second, pair.Second)))
                .OrderBy(guess => guess.Apart).ToArray();
            if (guesses.Length == 0 || guesses[0].Apart > 0.5 * wired) return null;
            var near = guesses.Where(guess => guess.Apart <= Math.Min(guesses[0].Apart / Clearly, 0.5 * wired)).ToArray();
            var sameOnes = near.All(guess => (guess.First == 0, guess.Second == 0) == (near[0].First == 0, near[0].Second == 0));
            return sameOnes
                ? [Told(first, [.. near.Select(guess => guess.First)]), Told(second, [.. near.Select(guess => guess.Second)])]
                : null;

            Finding Told(Predictor network, int[] ranges)
            {
                if (ranges[0] == 0) return new(FindingLevel.Good, network.Subject, network.Ask(0).ToString());
                var text = FormattableString.Invariant($"agrees with the other network by {1 - wired:0.00} as wired, and by ");
                var found = string.Join(", by ", ranges.Select((range, i) =>
                    FormattableString.Invariant($"{1 - near[i].Apart:0.00} from {network.Inputs[range].Name}")));
                return ranges.Length == 1
                    ? WiringDiagnosis.OtherInput(network.Subject, network.Inputs[ranges[0]], text + found)
                    : WiringDiagnosis.UnknownInput(network.Subject, text + found);
            }
        }

        // What the VAE was trained on says nothing of a network whose normalisation the manifest gives by itself.
        int KnownOf(Predictor network) => range is null || network.Inputs[0].IsOwn
            ? 0
            : Math.Max(0, network.Inputs.Select(input => input.Name).ToList().IndexOf(range.Name));

        Finding Alone(Predictor network)
        {
            var (inputs, known) = (network.Inputs, KnownOf(network));
            var wired = network.Ask(0);
            if (known > 0 && network.IsPlausible(known) && (!network.IsPlausible(0) || network.Ask(known).Score > wired.Score + Known))
                return Other(known);
            // Other inputs are asked for only where the answers to the one that is wired make little sense.
            if (wired.Score < Fair)
            {
                int[] better = [.. Enumerable.Range(1, inputs.Count - 1)
                    .Where(i => network.Ask(i).Score > wired.Score + Gain && network.IsPlausible(i))];
                var most = better.Length == 0 ? 0 : better.Max(i => network.Ask(i).Score);
                int[] near = [.. better.Where(i => network.Ask(i).Score > most - Margin)];
                // A range that makes sense of nothing either is no evidence against the one that is wired.
                if (near.Length > 0 && most < Fair)
                {
                    return new(FindingLevel.Warning, network.Subject, FormattableString.Invariant(
                        $"{wired}, and under no range of values do they follow by more than {most:0.00}: undecided, it looks untrained"),
                        "check that the trained weights were loaded before the export, and that the images show what it was trained on");
                }

                if (near.Length == 1) return Other(near[0]);
                if (near.Length > 1)
                {
                    var found = string.Join(", ", near.Select(i => FormattableString.Invariant(
                        $"{network.Ask(i).Follows:0.00} from {inputs[i].Name}")));
                    return WiringDiagnosis.UnknownInput(network.Subject, $"{wired} as wired, {found}");
                }
            }

            return wired.IsOneClass
                ? new(FindingLevel.Warning, network.Subject, wired.ToString(),
                    "check mean and std of the manifest's image, and that the images show what it was trained on")
                : new(FindingLevel.Good, network.Subject, wired.ToString());

            Finding Other(int input) => WiringDiagnosis.OtherInput(
                network.Subject, inputs[input], $"{wired} as wired; it {network.Ask(input)} from {inputs[input].Name}");
        }
    }
}
