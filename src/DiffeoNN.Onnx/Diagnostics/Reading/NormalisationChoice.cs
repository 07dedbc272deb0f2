using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Diagnostics.Reading;

/// <summary>Chooses what pixel values become before the network sees them.</summary>
internal static class NormalisationChoice
{
    /// <summary>By how much another normalisation than the plain one has to be better, and up to which difference two are alike.</summary>
    private const double Gain = 0.1, Margin = 0.03;

    /// <summary>How much sense answers to values of 0 to 1 may make at most where values of 0 to 255 are taken: those make every network
    /// surer, and one that was trained on them says next to nothing to smaller ones.</summary>
    private const double Little = 0.3;

    /// <summary>Logarithm of the best over the next best probability from which on answers are not trained but blown up.</summary>
    private const double BlownUp = 60;

    /// <summary>Means or standard deviations above which they are of values of 0 to 255.</summary>
    private const double OfPixels = 2;

    /// <summary>What needs no trial: what is told, bytes, and what the graph does by itself; null for the rest.</summary>
    public static (Normalisation Normalisation, Guess Guess)? Known(ReadingOptions told, InputFormat format, InputTrace trace)
    {
        var channels = format.Channels;
        const string options = "--range, --mean, --std";
        if (told.Range is not null || told.Mean is not null || told.Std is not null)
        {
            var given = new Normalisation("", told.Range ?? format.Range, PerChannel(told.Mean, 0), PerChannel(told.Std, 1));
            return (given, new Guess("normalisation", given.ToString(), "as told", GuessOrigin.Told, options));
        }

        if (format.Type == OnnxElementType.UInt8)
        {
            return (Normalisation.Bytes(channels), new Guess(
                "normalisation", "pixel values of 0 to 255", "the file takes bytes", GuessOrigin.File, "--range"));
        }

        var (mean, std, what) = trace.IsScaled ? (trace.Mean, trace.Std, "scales its input itself")
            : trace.Statistics is { } found ? (found.Mean, found.Std, "normalises its input by statistics of its training")
            : ([], [], "");
        if (what.Length == 0) return null;
        var isBytes = mean.Any(value => Math.Abs(value) > OfPixels) || std.Any(value => value > OfPixels);
        var own = isBytes ? Normalisation.Bytes(channels) : Normalisation.Pixels(channels);
        return (own, new Guess(
            "normalisation", own.ToString(),
            $"the graph {what}, with mean {Text(mean)} and std {Text(std)}", trace.IsScaled ? GuessOrigin.File : GuessOrigin.Guessed,
                options));

        double[] PerChannel(IReadOnlyList<double>? values, double absent) => values is null
            ? [.. Enumerable.Repeat(absent, channels)]
            : values.Count == 1 ? [.. Enumerable.Repeat(values[0], channels)]
            : values.Count == channels ? [.. values]
            : throw new BundleException(
            $"{values.Count} numbers are given for mean or std; the network takes {channels} channels: give one "
                + $"number, or {channels}.");
    }

    /// <summary>Tries the usual ones on images.</summary>
    /// <param name="trial">The network and images of the caller's.</param>
    /// <param name="spec">What the output means.</param>
    /// <param name="format">How the network takes images.</param>
    /// <param name="trace">The graph.</param>
    /// <param name="isUntrained">Whether its weights are as they were drawn: answers tell nothing then, and the larger inputs are, the
    /// surer they are.</param>
    /// <param name="cancellationToken">Stops between two runs.</param>
    public static (Normalisation Normalisation, Guess Guess) Tried(
        NetworkTrial trial, OutputSpec spec, InputFormat format, GraphTrace trace, bool isUntrained, CancellationToken cancellationToken)
    {
        var usual = Normalisation.Usual(format.Channels, format.Height, format.Width);
        var runs = usual.Select(one => trial.Run(one, false, cancellationToken)).ToList();
        if (ByStatistics(trace, runs) is { } fits)
        {
            return (usual[fits.Best], Of(usual[fits.Best], GuessOrigin.Guessed, FormattableString.Invariant(
                $"the statistics that it was trained with are off by {fits.Distance:0.##}, and by {fits.Next:0.##} for the next best")));
        }

        if (isUntrained)
            return (usual[0], Of(usual[0], GuessOrigin.Unknown, "its weights are as they were drawn, so that its answers tell nothing"));
        if (!AnswerKinds.Of(spec).HasClasses) return ByScale(usual, runs, spec);
        var qualities = usual.Select((one, i) =>
            AnswerQuality.Of(spec, runs[i][spec.Name], trial.Run(one, true, cancellationToken)[spec.Name])).ToList();
        double[] scores = [.. qualities.Select(quality => quality.Lead > BlownUp ? 0 : quality.Score)];
        if (scores[0] > Little) scores[1] = Math.Min(scores[1], scores[0]);
        var best = Array.IndexOf(scores, scores.Max());
        // The plain one unless it makes clearly less sense, as larger values make every network surer.
        if (scores[best] < scores[0] + Gain)
        {
            if (scores[best] == 0)
                return (usual[0], Of(usual[0], GuessOrigin.Unknown, "with no usual one answers are sure, steady and not all the same"));
            var others = Near(0, Margin);
            var plain = FormattableString.Invariant($"answers are sure and steady, {scores[0]:0.00} of 1");
            var same = qualities.Skip(1).Where((_, i) => scores[i + 1] > scores[0] - Margin)
                .Select(quality => AnswerQuality.Same(quality.Classes, qualities[0].Classes)).DefaultIfEmpty(1).Min();
            return others.Length == 0 && scores[0] > 0.5
                ? (usual[0], Of(usual[0], GuessOrigin.Guessed, $"{plain}, and less so with every other one"))
                : (usual[0], Of(usual[0], GuessOrigin.Unknown, others.Length == 0 ? $"{plain}, and no other one is better"
                    : FormattableString.Invariant($"{plain}, and no less {others}, with {same:0.00} of the answers the same")));
        }

        var near = Near(best, Margin);
        var text = FormattableString.Invariant(
            $"answers are sure and steady, {scores[best]:0.00} of 1, against {scores[0]:0.00} with {usual[0].Name}");
        return near.Length == 0
            ? (usual[best], Of(usual[best], GuessOrigin.Guessed, text))
            : (usual[best], Of(usual[best], GuessOrigin.Unknown, $"{text}, and no less {near}"));

        string Near(int of, double margin) => string.Join(", ", usual.Where((_, i) => i != of && scores[i] > scores[of] - margin)
            .Select(one => $"with {one.Name}"));
    }

    /// <summary>Without images nothing tells.</summary>
    public static (Normalisation Normalisation, Guess Guess) Untried(InputFormat format)
    {
        var plain = Normalisation.Pixels(format.Channels);
        return (plain, Of(plain, GuessOrigin.Unknown, "the file says nothing, and there are no images to try it on; give --data"));
    }

    private static (Normalisation Normalisation, Guess Guess) ByScale(
        IReadOnlyList<Normalisation> usual, List<IReadOnlyDictionary<string, OutputSample>> runs, OutputSpec spec)
    {
        // Images that come back are mostly in the units of those that go in.
        if (AnswerKinds.Of(spec).IsPicture)
        {
            var of = runs[0][spec.Name];
            var found = of.Most > OfPixels && runs[1][spec.Name].Most > OfPixels ? 1 : of.Least < -0.2 ? 2 : 0;
            var range = FormattableString.Invariant($"its images have values of {of.Least:0.##} to {of.Most:0.##}");
            return (usual[found], Of(usual[found], found > 0 ? GuessOrigin.Guessed : GuessOrigin.Unknown, range));
        }

        return (usual[0], Of(usual[0], GuessOrigin.Unknown, "its answers are numbers, from which it does not show; the usual is taken"));
    }

    /// <summary>The one whose values have the means and variances that the network was trained with, layer by layer, if one fits clearly
    /// best.</summary>
    private static (int Best, double Distance, double Next)? ByStatistics(
        GraphTrace trace, List<IReadOnlyDictionary<string, OutputSample>> runs)
    {
        var known = trace.Statistics();
        if (known.Count == 0 || known.Any(layer => !runs[0].ContainsKey(layer.Value))) return null;
        double[] distances = [.. runs.Select(run => known.Average(layer => Distance(run[layer.Value], layer.Mean, layer.Variance)))];
        var best = Array.IndexOf(distances, distances.Min());
        var next = distances.Where((_, i) => i != best).Min();
        return distances[best] < 1 && next > (1.5 * distances[best]) + 0.05 ? (best, distances[best], next) : null;
    }

    /// <summary>Mean divergence of a layer's channels from what they were in training, each of at most 20.</summary>
    private static double Distance(OutputSample sample, double[] mean, double[] variance)
    {
        if (sample.Shape.Length < 2 || sample.Shape[1] != mean.Length) return 0;
        var size = sample.Length / mean.Length;
        double total = 0;
        for (var c = 0; c < mean.Length; c++)
        {
            double sum = 0, squares = 0;
            for (var i = 0; i < sample.Count; i++)
            {
                foreach (var value in sample.Of(i).Slice(c * size, size))
                {
                    sum += value;
                    squares += (double)value * value;
                }
            }

            double n = (double)size * sample.Count, own = sum / n, spread = Math.Max(1e-12, (squares / n) - (own * own));
            var off = own - mean[c];
            total += Math.Min(20, 0.5 * (Math.Log(variance[c] / spread) + ((spread + (off * off)) / variance[c]) - 1));
        }

        return total / mean.Length;
    }

    private static Guess Of(Normalisation normalisation, GuessOrigin origin, string reason) =>
        new("normalisation", normalisation.ToString(), reason, origin, "--range, --mean, --std");

    private static string Text(double[] values) => string.Join(" ", values.Take(4).Select(WiringDiagnosis.Text));
}
