using DiffeoNN.Onnx.Answers;

namespace DiffeoNN.Onnx.Diagnostics.Reading;

/// <summary>Whether answers say anything about the images: what a wrong normalisation, layout or kind, or an untrained network, looks
/// like.</summary>
internal static class Usefulness
{
    /// <summary>Entropy, as a share of the largest, above which answers are as good as drawn by lot.</summary>
    private const double Undecided = 0.95;

    /// <summary>Share of classes that a little noise may change.</summary>
    private const double Unsteady = 0.25;

    private const int Enough = 4;

    /// <param name="spec">The output.</param>
    /// <param name="samples">What it gave for images of the caller's.</param>
    /// <param name="changed">For the same, darker and noisy.</param>
    /// <param name="isUntrained">Whether its weights are as they were drawn.</param>
    /// <param name="name">What findings call the network.</param>
    public static IReadOnlyList<Finding> Of(
        OutputSpec spec,
        IReadOnlyDictionary<string, OutputSample> samples,
        IReadOnlyDictionary<string, OutputSample> changed,
        bool isUntrained,
        string name)
    {
        const string advice =
            "check --range, --mean, --std, --layout and --kind, that the images show what it was trained on, and its weights";
        var quality = AnswerQuality.Of(spec, samples[spec.Name], changed[spec.Name]);
        var count = samples[spec.Name].Count;
        List<Finding> findings = [];
        if (isUntrained)
        {
            findings.Add(new(
                FindingLevel.Warning, name, "its weights are as they were drawn before training: none bears a trace of it",
                "give the file of the trained network"));
        }

        if (!quality.IsFinite)
        {
            findings.Add(new(FindingLevel.Problem, name, $"output '{spec.Name}' has values that are not finite", advice));
            return findings;
        }

        if (quality.IsConstant)
        {
            findings.Add(new(FindingLevel.Warning, name, $"output '{spec.Name}' is the same for all {count} images", advice));
            return findings;
        }

        if (quality.Entropy > Undecided)
        {
            findings.Add(new(FindingLevel.Warning, name, FormattableString.Invariant(
                $"answers are as undecided as by chance: their entropy is {quality.Entropy:0.00} of the largest there is"), advice));
        }

        if (quality.IsOneClass && count >= Enough)
        {
            var label = spec.Classes is { } names && quality.LargestClass < names.Count
                ? $"'{names[quality.LargestClass]}'" : $"{quality.LargestClass}";
            findings.Add(new(FindingLevel.Warning, name, $"answers with class {label} throughout, for all {count} images", advice));
        }

        if (1 - quality.Steady > Unsteady)
        {
            findings.Add(new(FindingLevel.Warning, name, FormattableString.Invariant(
                $"a little noise changes {1 - quality.Steady:0.00} of its answers"), advice));
        }

        return findings;
    }
}
