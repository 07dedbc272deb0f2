using DiffeoNN.Onnx.Answers;

namespace DiffeoNN.Onnx.Diagnostics.Reading;

/// <summary>What answers look like, seen without truth.</summary>
internal sealed record AnswerQuality
{
    /// <summary>Pixels of an image that are looked at, at most.</summary>
    private const int Pixels = 4096;

    /// <summary>Share of the most frequent class, and relative spread over the images, that say that answers are all the same.</summary>
    private const double OneClass = 0.999, NoSpread = 1e-4;

    /// <summary>Mean entropy of the answers, as a share of the largest there is; null where there are no probabilities.</summary>
    public double? Entropy { get; private init; }

    /// <summary>Median of the logarithm of the best probability over the next best one; null as <see cref="Entropy"/>.</summary>
    public double? Lead { get; private init; }

    /// <summary>Share of the most frequent class; null where there are no classes.</summary>
    public double? Largest { get; private init; }

    /// <summary>That class.</summary>
    public int LargestClass { get; private init; }

    /// <summary>Share of classes that stay when images become a little darker and noisy; null where there are no classes.</summary>
    public double? Steady { get; private init; }

    /// <summary>Relative spread of the outputs over the images.</summary>
    public double Spread { get; private init; }

    /// <summary>Whether all outputs are numbers.</summary>
    public bool IsFinite { get; private init; }

    /// <summary>Classes of all that was looked at.</summary>
    public int[] Classes { get; private init; } = [];

    /// <summary>Whether outputs are the same for all images.</summary>
    public bool IsConstant => Spread < NoSpread;

    /// <summary>Whether all is of one class.</summary>
    public bool IsOneClass => Largest > OneClass;

    /// <summary>What speaks for the normalisation, from 0 to 1: sure, steady answers that are not all the same.</summary>
    public double Score => !IsFinite || IsConstant || IsOneClass ? 0 : (1 - (Entropy ?? 0)) * (Steady ?? 1);

    /// <summary>Looks at answers.</summary>
    /// <param name="spec">What the output means.</param>
    /// <param name="sample">For images.</param>
    /// <param name="changed">For the same, darker and noisy; null if that was not asked.</param>
    public static AnswerQuality Of(OutputSpec spec, OutputSample sample, OutputSample? changed)
    {
        var (spread, isFinite) = (sample.Variation(), sample.IsFinite);
        var hasClasses = AnswerKinds.Of(spec).HasClasses;
        if (!hasClasses || !isFinite) return new AnswerQuality { Spread = spread, IsFinite = isFinite };
        if (sample.IsInteger)
        {
            var numbers = Numbers(sample);
            return new AnswerQuality
            {
                Spread = spread, IsFinite = true, Classes = numbers, Largest = Share(numbers, out var most), LargestClass = most,
                Steady = changed is null ? null : Same(numbers, Numbers(changed)),
            };
        }

        var (classes, entropies, leads) = Probable(spec, sample);
        return new AnswerQuality
        {
            Spread = spread, IsFinite = true, Classes = classes, Largest = Share(classes, out var best), LargestClass = best,
            Entropy = entropies.Average(), Lead = Median(leads),
            Steady = changed is null ? null : Same(classes, Probable(spec, changed).Classes),
        };
    }

    /// <summary>Share of equal classes.</summary>
    public static double Same(int[] first, int[] second) => first.Zip(second).Average(pair => pair.First == pair.Second ? 1.0 : 0.0);

    private static int[] Numbers(OutputSample sample) => [.. sample.Values.Select(value => (int)value)];

    private static (int[] Classes, double[] Entropies, double[] Leads) Probable(OutputSpec spec, OutputSample sample)
    {
        var isPlanes = sample.Shape.Length == 4 && sample.Shape[1] * sample.Shape[2] * sample.Shape[3] != sample.Shape.Skip(1).Max();
        var isLast = isPlanes && spec.Layout == OutputLayout.ChannelsLast;
        int classes = (int)(isPlanes ? sample.Shape[isLast ? 3 : 1] : sample.Length), sites = sample.Length / classes;
        var step = Math.Max(1, sites / Pixels);
        List<int> found = [];
        List<double> entropies = [], leads = [];
        var scores = new double[Math.Max(2, classes)];
        for (var image = 0; image < sample.Count; image++)
        {
            var values = sample.Of(image);
            for (var site = 0; site < sites; site += step)
            {
                for (var k = 0; k < classes; k++) scores[k] = values[isLast ? (site * classes) + k : (k * sites) + site];
                if (classes == 1) Single(scores, spec.Activation);
                else Several(scores, spec.Activation);
                var (best, next) = Two(scores);
                found.Add(best);
                entropies.Add(-scores.Sum(p => p > 0 ? p * Math.Log(p) : 0) / Math.Log(scores.Length));
                leads.Add(Math.Log(scores[best] / Math.Max(1e-300, scores[next])));
            }
        }

        return ([.. found], [.. entropies], [.. leads]);
    }

    /// <summary>One score as the probabilities of two classes.</summary>
    private static void Single(double[] scores, OutputActivation activation)
    {
        var p = activation == OutputActivation.Sigmoid ? 1 / (1 + Math.Exp(-scores[0])) : Math.Clamp(scores[0], 0, 1);
        (scores[0], scores[1]) = (1 - p, p);
    }

    private static void Several(double[] scores, OutputActivation activation)
    {
        var most = scores.Max();
        for (var k = 0; k < scores.Length; k++)
        {
            scores[k] = activation switch
            {
                OutputActivation.Softmax => Math.Exp(scores[k] - most),
                OutputActivation.Sigmoid => 1 / (1 + Math.Exp(-scores[k])),
                _ => Math.Max(0, scores[k]),
            };
        }

        var sum = scores.Sum();
        for (var k = 0; k < scores.Length; k++) scores[k] = sum > 0 ? scores[k] / sum : 1.0 / scores.Length;
    }

    private static (int Best, int Next) Two(double[] scores)
    {
        int best = Array.IndexOf(scores, scores.Max()), next = best == 0 ? 1 : 0;
        for (var k = 0; k < scores.Length; k++)
            if (k != best && scores[k] > scores[next]) next = k;
        return (best, next);
    }

    private static double Share(int[] classes, out int most)
    {
        var largest = classes.CountBy(label => label).MaxBy(pair => pair.Value);
        most = largest.Key;
        return largest.Value / (double)classes.Length;
    }

    private static double Median(double[] values)
    {
        var sorted = values.Order().ToArray();
        return sorted[sorted.Length / 2];
    }
}
