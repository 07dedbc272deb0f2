using System.Text.RegularExpressions;
using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Diagnostics.Reading;

/// <summary>Completes the description of an output whose kind is known: activation, classes, coordinates, what belongs to boxes.</summary>
/// <param name="model">The network.</param>
/// <param name="trace">Its graph.</param>
/// <param name="samples">What it gave.</param>
/// <param name="isTried">Whether that was for images of the caller's.</param>
internal sealed partial class OutputDetails(
    OnnxModel model, GraphTrace trace, IReadOnlyDictionary<string, OutputSample> samples, bool isTried)
{
    /// <summary>How far a sum of probabilities may be from 1, and values from their bounds.</summary>
    private const double Rounding = 1e-3;

    /// <summary>Completes a guess.</summary>
    /// <param name="guess">Its kind.</param>
    /// <param name="told">What the caller says of it; empty for further outputs.</param>
    public OutputGuess Complete(OutputGuess guess, ReadingOptions told)
    {
        var details = new List<Guess>();
        var spec = guess.Spec;
        var fields = AnswerKinds.Of(spec).Fields;
        if (spec.Layout is { } layout) details.Add(new($"layout of '{spec.Name}'", Word(layout), "by its shape", GuessOrigin.File));
        if (spec.Resolution is { } resolution)
        {
            details.Add(new($"resolution of '{spec.Name}'", $"{resolution[0]} x {resolution[1]}", "taken to cover the whole image",
                GuessOrigin.Guessed));
        }

        if (fields.Contains("scores")) spec = WithPartners(spec, details);
        if (fields.Contains("activation")) spec = WithActivation(spec, told, details);
        if (fields.Contains("classes")) spec = WithClasses(spec, told, details);
        if (fields.Contains("coordinates")) spec = WithCoordinates(spec, told, details);
        return guess with { Spec = spec, Details = details };
    }

    private OutputSpec WithActivation(OutputSpec spec, ReadingOptions told, List<Guess> details)
    {
        var name = spec.Kind == OutputKind.Boxes ? spec.Scores : spec.Name;
        if (name is null || samples[name].IsInteger) return spec;
        var (activation, reason, origin) = told.Activation is { } given
            ? (given, "as told", GuessOrigin.Told)
            : Activation(name, samples[name], spec);
        details.Add(new($"activation of '{name}'", Word(activation), reason, origin, "--activation"));
        return spec with { Activation = activation };
    }

    private (OutputActivation Activation, string Reason, GuessOrigin Origin) Activation(string name, OutputSample sample, OutputSpec spec)
    {
        var last = trace.LastOperator(name);
        if (last is "Softmax" or "Sigmoid" or "HardSigmoid")
            return (OutputActivation.None, $"it ends in {last}, so these are probabilities", GuessOrigin.File);
        if (last == "LogSoftmax")
            return (OutputActivation.Softmax, "it ends in LogSoftmax, whose softmax are the probabilities", GuessOrigin.File);
        var classes = ClassCount(sample, spec);
        var isShare = sample.IsFinite && sample.Least >= -Rounding && sample.Most <= 1 + Rounding;
        if (classes > 1 && isShare && AddUp(sample, spec, classes))
            return (OutputActivation.None, "they are shares that add up to 1", GuessOrigin.Guessed);
        if (classes == 1 && isShare && isTried && sample.Most > Rounding)
            return (OutputActivation.None, "values are of 0 to 1", GuessOrigin.Guessed);
        return classes > 1
            ? (OutputActivation.Softmax,
            "no activation in the graph, and values are no probabilities; sigmoid where classes do not exclude "
                + "each other", GuessOrigin.Guessed)
            : (OutputActivation.Sigmoid, "no activation in the graph, and a single score", GuessOrigin.Guessed);
    }

    private OutputSpec WithClasses(OutputSpec spec, ReadingOptions told, List<Guess> details)
    {
        var scores = spec.Kind == OutputKind.Boxes ? spec.Scores : spec.Name;
        if (told.Classes is { } names)
        {
            var scored = scores is null || samples[scores].IsInteger ? 0 : ClassCount(samples[scores], spec);
            if (scored > 1 && names.Count != scored)
            {
                throw new BundleException(
                    $"Output '{scores}' has {scored} classes, and {ClassScores.Named(names)}; give --classes a name for each, or leave it "
                    + "out.");
            }

            details.Add(new($"classes of '{spec.Name}'", string.Join(", ", names), "as told", GuessOrigin.Told, "--classes"));
            return spec with { Classes = names };
        }

        var count = scores is null ? 0 : ClassCount(samples[scores], spec);
        if (scores is not null && samples[scores].IsInteger)
        {
            count = Math.Max(count, 2);
            spec = spec with { Classes = [.. Enumerable.Range(0, count).Select(i => $"class {i}")] };
        }

        if (Named() is { } found && (found.Count == count || (count == 1 && found.Count == 2)))
        {
            details.Add(new($"classes of '{spec.Name}'", string.Join(", ", found), "of the file's metadata", GuessOrigin.File,
                "--classes"));
            return spec with { Classes = found };
        }

        if (count > 0)
        {
            details.Add(new($"classes of '{spec.Name}'", $"{Math.Max(count, 2)}, without names", "no names in the file",
                GuessOrigin.Unknown, "--classes"));
        }

        return spec;
    }

    /// <summary>Classes' names in the metadata: a list by commas or in JSON, or numbers with names as some exporters write them.</summary>
    private List<string>? Named()
    {
        foreach (var key in new[] { "classes", "names", "labels", "class_names" })
        {
            if (!model.Metadata.TryGetValue(key, out var text) || text.Length == 0) continue;
            var quoted = Quoted().Matches(text).Select(match => match.Groups[2].Value).ToList();
            var names = quoted.Count > 0 ? quoted : [.. text.Trim('[', ']').Split(
                [',', '\n', ';'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)];
            if (names.Count > 0 && names.TrueForAll(name => name.Length > 0)) return names;
        }

        return null;
    }

    private int ClassCount(OutputSample sample, OutputSpec spec)
    {
        if (sample.IsInteger)
        {
            var seen = (int)Math.Max(0, sample.Most) + 1;
            return trace.ArgumentOfMaximum(spec.Name) is { } scores
                && samples.TryGetValue(scores, out var all) && Axis(all, spec.Name) is { } count ? count : seen;
        }

        if (spec.Kind == OutputKind.Boxes) return sample.Shape.Length == 3 ? (int)sample.Shape[2] : 1;
        return AnswerKinds.Of(spec) is PlaneAnswers
            ? (int)sample.Shape[spec.Layout == OutputLayout.ChannelsLast ? 3 : 1] : sample.Length;
    }

    private int? Axis(OutputSample scores, string output)
    {
        int axis = trace.AxisOfMaximum(output), rank = scores.Shape.Length;
        return axis >= -rank && axis < rank ? (int)scores.Shape[axis < 0 ? axis + rank : axis] : null;
    }

    private static bool AddUp(OutputSample sample, OutputSpec spec, int classes)
    {
        var isLast = spec.Layout == OutputLayout.ChannelsLast || spec.Kind == OutputKind.Boxes;
        var sites = sample.Length / classes;
        for (var image = 0; image < sample.Count; image++)
        {
            var values = sample.Of(image);
            for (var site = 0; site < sites; site++)
            {
                double sum = 0;
                for (var k = 0; k < classes; k++) sum += values[isLast ? (site * classes) + k : (k * sites) + site];
                if (Math.Abs(sum - 1) > Rounding) return false;
            }
        }

        return true;
    }

    /// <summary>Scores and class numbers of the same number of boxes.</summary>
    private OutputSpec WithPartners(OutputSpec spec, List<Guess> details)
    {
        var count = samples[spec.Name].Shape[1];
        var others = samples.Where(pair => pair.Key != spec.Name && pair.Value.Shape.Length is 2 or 3 && pair.Value.Shape[1] == count)
            .ToList();
        var labels = others.Find(pair => pair.Value.Shape.Length == 2 && (pair.Value.IsInteger || Says(pair.Key, "label", "class"))).Key;
        var scores = others.Find(pair => pair.Key != labels && !pair.Value.IsInteger && Says(pair.Key, "score", "conf", "prob",
            "class")).Key
            ?? others.Find(pair => pair.Key != labels && !pair.Value.IsInteger && pair.Value.Shape[^1] != 4).Key;
        if (scores is not null) details.Add(new($"scores of '{spec.Name}'", $"'{scores}'", "for as many boxes", GuessOrigin.Guessed));
        if (labels is not null) details.Add(new($"class numbers of '{spec.Name}'", $"'{labels}'", "for as many boxes",
            GuessOrigin.Guessed));
        return spec with { Scores = scores, Labels = labels };
    }

    private OutputSpec WithCoordinates(OutputSpec spec, ReadingOptions told, List<Guess> details)
    {
        var sample = samples[spec.Name];
        double[] places = [.. sample.Values.Select(value => (double)value)];
        var (coordinates, reason, origin) = told.Coordinates is { } given ? (given, "as told", GuessOrigin.Told) : Coordinates(places,
            spec);
        details.Add(new($"coordinates of '{spec.Name}'", Word(coordinates), reason, origin, "--coordinates"));
        var order = told.Order ?? CoordinateOrder.Xy;
        details.Add(new($"order of '{spec.Name}'", Word(order), told.Order is null ? "the usual" : "as told",
            told.Order is null ? GuessOrigin.Unknown : GuessOrigin.Told, "--order"));
        spec = spec with { Coordinates = coordinates, Order = told.Order };
        if (!AnswerKinds.Of(spec).Fields.Contains("format")) return spec;
        var isCorners = Share(places, (box, at) => box[at] <= box[at + 2] && box[at + 1] <= box[at + 3]) > 0.98;
        var format = told.Format ?? (isCorners ? BoxFormat.Xyxy : BoxFormat.Cxcywh);
        details.Add(new($"format of '{spec.Name}'", Word(format), told.Format is not null ? "as told" : isCorners
            ? "the third number is never below the first, nor the fourth below the second"
            : "the last two numbers are below the first two for some", told.Format is null ? GuessOrigin.Guessed : GuessOrigin.Told,
            "--format"));
        return spec with { Format = format };
    }

    private (OutputCoordinates Coordinates, string Reason, GuessOrigin Origin) Coordinates(double[] places, OutputSpec spec)
    {
        // Some may lie outside of the image; a few decide nothing.
        double[] sorted = [.. places.Where(double.IsFinite).Order()];
        if (sorted.Length == 0) return (OutputCoordinates.Centred, "no finite values", GuessOrigin.Unknown);
        double least = sorted[sorted.Length / 50], most = sorted[^((sorted.Length / 50) + 1)];
        var range = FormattableString.Invariant($"values of {least:0.##} to {most:0.##}");
        if (trace.LastOperator(spec.Name) is "Sigmoid" or "HardSigmoid")
            return (OutputCoordinates.Unit, "it ends in a sigmoid", GuessOrigin.Guessed);
        if (most > 2)
            return (OutputCoordinates.Pixels, $"{range}; edges where the origin is the corner of a pixel", GuessOrigin.Guessed);
        var origin = isTried ? GuessOrigin.Guessed : GuessOrigin.Unknown;
        return least < -0.1 ? (OutputCoordinates.Centred, range, origin) : (OutputCoordinates.Unit, range, origin);
    }

    private static double Share(double[] places, Func<double[], int, bool> holds) => places.Length < 4 ? 0
        : Enumerable.Range(0, places.Length / 4).Average(i => holds(places, 4 * i) ? 1.0 : 0.0);

    private static bool Says(string name, params string[] words) =>
        Array.Exists(words, word => name.Contains(word, StringComparison.OrdinalIgnoreCase));

    private static string Word<T>(T value)
        where T : struct, Enum => System.Text.Json.JsonNamingPolicy.CamelCase.ConvertName(value.ToString());

    [GeneratedRegex("(['\"])(.*?)\\1(?!\\s*:)")]
    private static partial Regex Quoted();
}
