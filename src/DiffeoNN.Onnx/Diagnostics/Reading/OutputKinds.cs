using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Diagnostics.Reading;

/// <summary>Tells from shape, name, last operator and values what an output means.</summary>
/// <param name="trace">The graph.</param>
/// <param name="format">How the network takes images.</param>
/// <param name="samples">What it gave for images.</param>
/// <param name="trial">The images; null where they are generated ones, whose answers say nothing.</param>
internal sealed class OutputKinds(
    GraphTrace trace, InputFormat format, IReadOnlyDictionary<string, OutputSample> samples, NetworkTrial? trial)
{
    private static readonly string[]
        Scores = ["logit", "prob", "softmax", "score", "class", "label", "seg", "mask", "pred", "conf"],
        Pictures = ["recon", "restor", "denois", "enhanc", "image", "img", "rgb", "depth", "heat", "disparity", "flow"],
        Spots = ["point", "landmark", "keypoint", "kps", "kpt", "coord", "joint", "corner"],
        Quantities = ["age", "value", "angle", "regress", "number", "amount", "volume", "energy"];

    /// <summary>How far a plane has to follow a plane of the input to be an image of the same.</summary>
    private const double Alike = 0.8;

    private readonly SamplingGrid _grid = new(format.Height, format.Width);

    /// <summary>What an output means.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="kind">What it is told to mean; null to guess.</param>
    /// <returns>Null where it is of no kind that can be carried back.</returns>
    public OutputGuess? Of(string name, OutputKind? kind = null)
    {
        var sample = samples[name];
        if (sample.Values.Length == 0) return null;
        var guess = kind is { } told ? Told(name, sample, told) : Guessed(name, sample);
        return guess is not null && Fits(guess.Spec, sample) ? guess : null;
    }

    /// <summary>Whether a shape is one that the kind takes.</summary>
    public bool Fits(OutputSpec spec, OutputSample sample) => Problem(
        spec.Classes is null && sample.IsInteger ? spec with { Classes = ["", ""] } : spec, FormOf(sample)) is null;

    /// <summary>What is wrong with a tensor, as a message has it; null if nothing is.</summary>
    public string? Problem(OutputSpec spec, TensorForm form, string? tensor = null) =>
        AnswerKinds.Of(spec).Problem(tensor ?? spec.Name, form, spec, _grid);

    private OutputGuess? Told(string name, OutputSample sample, OutputKind kind)
    {
        var spec = new OutputSpec { Name = name, Kind = kind };
        if (sample.Shape.Length == 4 || sample.IsInteger) spec = Placed(spec, sample) ?? spec;
        return new OutputGuess(spec, "as told", GuessOrigin.Told);
    }

    private OutputGuess? Guessed(string name, OutputSample sample)
    {
        var last = trace.LastOperator(name);
        if (sample.IsInteger)
        {
            return Placed(new OutputSpec { Name = name, Kind = OutputKind.Segmentation }, sample) is { } map
                ? new OutputGuess(map, "whole numbers for the pixels", GuessOrigin.Guessed) : null;
        }

        var isFlat = sample.Shape.Length == 4 && sample.Length == sample.Shape.Skip(1).Max() && sample.Shape[2] == 1
            && sample.Shape[3] == 1;
        return sample.Shape.Length switch
        {
            4 when !isFlat => Planes(name, sample, last),
            1 or 2 or 4 => Numbers(name, sample, last),
            3 when sample.Shape[2] == 4 && !Says(name, Scores) => new OutputGuess(
                new OutputSpec { Name = name, Kind = OutputKind.Boxes }, "four numbers each", GuessOrigin.Guessed),
            3 when sample.Shape[2] == 2 && !Says(name, Scores) && last != "Softmax" => new OutputGuess(
                new OutputSpec { Name = name, Kind = OutputKind.Points }, "two numbers each", GuessOrigin.Guessed),
            _ => null,
        };
    }

    private OutputGuess? Planes(string name, OutputSample sample, string last)
    {
        if (Placed(new OutputSpec { Name = name, Kind = OutputKind.Image }, sample) is not { } image) return null;
        var segmentation = image with { Kind = OutputKind.Segmentation };
        var planes = sample.Shape[image.Layout == OutputLayout.ChannelsLast ? 3 : 1];
        if (last is "Softmax" or "LogSoftmax") return new(segmentation, $"it ends in {last}", GuessOrigin.Guessed);
        if (last == "Tanh") return new(image, "it ends in Tanh", GuessOrigin.Guessed);
        if (Says(name, Scores)) return new(segmentation, "by its name", GuessOrigin.Guessed);
        if (Says(name, Pictures)) return new(image, "by its name", GuessOrigin.Guessed);
        if (trial is not null && planes >= format.Channels && Follows(sample, image) is { } follows)
        {
            return follows > Alike
                ? new(image, FormattableString.Invariant($"its planes follow the input's, with a correlation of {follows:0.00}"),
                    GuessOrigin.Guessed)
                : new(segmentation, FormattableString.Invariant($"its planes do not follow the input's: {follows:0.00}"),
                    GuessOrigin.Guessed);
        }

        if (last is "Sigmoid" or "HardSigmoid" && planes != 3) return new(segmentation, $"it ends in {last}", GuessOrigin.Guessed);
        return new(segmentation, planes == format.Channels
            ? "as many planes as the input has, which may be an image as well; images to try it on would tell"
            : "planes of numbers, as scores are", planes == format.Channels ? GuessOrigin.Unknown : GuessOrigin.Guessed);
    }

    private static OutputGuess Numbers(string name, OutputSample sample, string last)
    {
        var classes = new OutputSpec { Name = name, Kind = OutputKind.Classification };
        if (last is "Softmax" or "LogSoftmax" or "Sigmoid" or "HardSigmoid" && !Says(name, Spots) && !Says(name, Quantities))
            return new(classes, $"it ends in {last}", GuessOrigin.Guessed);
        if (Says(name, Spots) && sample.Length % 2 == 0 && sample.Shape.Length == 2)
            return new(classes with { Kind = OutputKind.Points }, "by its name", GuessOrigin.Guessed);
        if (Says(name, Scores)) return new(classes, "by its name", GuessOrigin.Guessed);
        if (Says(name, Quantities)) return new(classes with { Kind = OutputKind.Regression }, "by its name", GuessOrigin.Guessed);
        return sample.Length == 1
            ? new(classes with { Kind = OutputKind.Regression }, "one number without activation", GuessOrigin.Guessed)
            : new(classes, $"{sample.Length} numbers without activation, as scores are; they may be quantities as well",
                GuessOrigin.Unknown);
    }

    /// <summary>Where planes have their channels, and what part of the image's resolution they have, if that has to be said; null where
    /// they
    /// lie on no image.</summary>
    private OutputSpec? Placed(OutputSpec spec, OutputSample sample)
    {
        var last = spec with { Layout = OutputLayout.ChannelsLast };
        if (Fits(spec, sample)) return spec;
        if (sample.Shape.Length != 4) return null;
        if (Fits(last, sample)) return last;
        // Of the image, but no whole fraction of it: the shape has to be like the image's.
        foreach (var (candidate, row) in new[] { (spec, 2), (last, 1) })
        {
            long height = sample.Shape[row], width = sample.Shape[row + 1];
            var aspect = height * (double)format.Width / (width * (double)format.Height);
            if (height > 1 && width > 1 && aspect is > 0.8 and < 1.25)
                return candidate with { Resolution = [(int)height, (int)width] };
        }

        return null;
    }

    /// <summary>The least correlation of a plane with the plane of the input that it follows most; null where sizes differ.</summary>
    private double? Follows(OutputSample sample, OutputSpec spec)
    {
        var isLast = spec.Layout == OutputLayout.ChannelsLast;
        int planes = (int)sample.Shape[isLast ? 3 : 1], size = format.Height * format.Width;
        if (sample.Length != planes * size) return null;
        double least = 1;
        for (var k = 0; k < planes; k++)
        {
            double best = 0;
            for (var c = 0; c < format.Channels; c++)
            {
                double sum = 0;
                for (var i = 0; i < trial!.Count; i++)
                {
                    var values = sample.Of(i);
                    var pixels = trial.Pixels(i).Slice(c * size, size);
                    var plane = new double[size];
                    for (var p = 0; p < size; p++) plane[p] = values[isLast ? (p * planes) + k : (k * size) + p];
                    sum += Correlation(plane, pixels);
                }

                best = Math.Max(best, sum / trial.Count);
            }

            least = Math.Min(least, best);
        }

        return least;
    }

    private static double Correlation(double[] first, ReadOnlySpan<float> second)
    {
        double a = first.Average(), b = 0, xy = 0, xx = 0, yy = 0;
        foreach (var value in second) b += value / second.Length;
        for (var i = 0; i < first.Length; i++)
        {
            double x = first[i] - a, y = second[i] - b;
            xy += x * y;
            xx += x * x;
            yy += y * y;
        }

        return xx * yy > 0 ? xy / Math.Sqrt(xx * yy) : 0;
    }

    internal static TensorForm FormOf(OutputSample sample) => new(
        sample.IsInteger ? OnnxElementType.Int64 : OnnxElementType.Float, [.. sample.Shape.Select(size => (long?)size)]);

    private static bool Says(string name, string[] words) =>
        Array.Exists(words, word => name.Contains(word, StringComparison.OrdinalIgnoreCase));
}
