using System.Globalization;
using DiffeoNN.Onnx.Training.Fit;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>What the page of a fit says of the training: what was reached on the way, steps and time of each stage, curves.</summary>
internal static class FitPageTraining
{
    private const string Loss = "loss";

    // What a term is, and its unit.
    private static readonly Dictionary<(FitStage, string), (string Text, string Unit)> Terms = new()
    {
        [(FitStage.Autoencoder, "error")] = ("error of the reconstruction", "squared pixel values, summed over the image"),
        [(FitStage.Autoencoder, "kl")] = ("divergence of the latent", "nats"),
        [(FitStage.Proposer, "image")] = ("difference to the undeformed image", "mean squared pixel value"),
        [(FitStage.Proposer, "displacement")] = ("distance to the true map", "squared, in units of half the longest side"),
        [(FitStage.Proposer, "smoothness")] = ("roughness of the velocity", "mean squared gradient"),
        [(FitStage.Task, "task")] = ("difference of the answers", "nats of classes, else mean squared"),
        [(FitStage.Critic, "guidance")] = ("where its force should point", "mean squared"),
        [(FitStage.Critic, "value")] = ("what its value should be", "mean squared"),
    };

    /// <summary>Adds it.</summary>
    /// <param name="page">To this.</param>
    /// <param name="result">Of the fit.</param>
    /// <param name="time">The time that was given.</param>
    public static void Add(HtmlText page, FitResult result, TimeSpan time)
    {
        page.Raw("<section aria-labelledby=\"training\"><h2 id=\"training\">How it was fitted</h2>");
        Trials(page, result);
        Stages(page, result, time);
        Curves(page, result.Curves);
        page.Raw("</section>");
    }

    /// <summary>Seconds of training, by rounds of stages: a step's mean time between the points of its curve, times the steps.</summary>
    internal static IReadOnlyList<(FitStage Stage, int Round, int Steps, double Seconds)> Times(IReadOnlyList<FitCurvePoint> curves) =>
    [
        .. curves.GroupBy(point => (point.Stage, point.Round)).Select(points =>
        {
            FitCurvePoint first = points.MinBy(point => point.Step)!, last = points.MaxBy(point => point.Step)!;
            var each = last.Step > first.Step ? (last.Seconds - first.Seconds) / (last.Step - first.Step) : 0;
            return (points.Key.Stage, points.Key.Round, last.Step, each * last.Step);
        }),
    ];

    private static void Trials(HtmlText page, FitResult result)
    {
        if (result.Trials.Count == 0) return;
        var families = result.Trials[^1].Deformed.Keys.ToList();
        page.Table(
            "What was reached on the way, on images held out that settings were chosen on: the network alone → canonicalised, "
            + $"± standard error of the change; without it where fewer than {FitVerdict.FewestToTell} images are too few to tell",
            ["choice of settings", "images", "undeformed", .. families],
            result.Trials.Select((trial, i) => (IReadOnlyList<string>)
            [
                i == result.Trials.Count - 1 ? $"{i + 1} (last)" : $"{i + 1}", trial.Images.ToString(CultureInfo.InvariantCulture),
                Arrow(trial.UndeformedAlone, trial.Undeformed) + FitLines.Error(trial, "none"),
                .. families.Select(family => Arrow(trial.DeformedAlone[family], trial.Deformed[family]) + FitLines.Error(trial, family)),
            ]),
            numbersFrom: 1);
    }

    private static void Stages(HtmlText page, FitResult result, TimeSpan time)
    {
        var times = Times(result.Curves);
        var rest = Math.Max(0, result.Elapsed.TotalSeconds - times.Sum(one => one.Seconds));
        page.Table(
            $"Steps and time; {FitReport.Duration(result.Elapsed)} in all of the {FitReport.Duration(time)} that were given",
            ["stage", "steps", "time", "steps a second"],
            times.Select(one => new[]
            {
                FitLines.Words(one.Stage) + (times.Count(other => other.Stage == one.Stage) > 1 ? $", round {one.Round}" : ""),
                one.Steps.ToString(CultureInfo.InvariantCulture), FitReport.Duration(TimeSpan.FromSeconds(one.Seconds)),
                one.Seconds > 0 ? (one.Steps / one.Seconds).ToString("F1", CultureInfo.InvariantCulture) : "–",
            }).Append(["reading, choosing settings, judging", "–", FitReport.Duration(TimeSpan.FromSeconds(rest)), "–"]),
            numbersFrom: 1);
    }

    private static void Curves(HtmlText page, IReadOnlyList<FitCurvePoint> curves)
    {
        var number = 0;
        foreach (var stage in curves.GroupBy(point => point.Stage))
        {
            var names = stage.SelectMany(point => point.Terms.Keys).Distinct(StringComparer.Ordinal).ToList();
            // A sum of one term is that term.
            if (names.Count == 2) names.Remove(Loss);
            page.Line($"<h3>Curves: {FitLines.Words(stage.Key)}</h3><div class=\"charts\">");
            foreach (var name in names)
            {
                var (text, unit) = Describe(stage.Key, name);
                var title = text.Length > 0 ? $"{name}: {text}" : name;
                var chart = new LineChart($"{FitLines.Words(stage.Key)}, {title}", unit, Parts(stage, name));
                if (chart.ToSvg($"c{++number}") is not { } svg) continue;
                page.Raw("<figure>").Raw(svg);
                page.Line($"<figcaption><strong>{name}</strong>{(text.Length > 0 ? $", {text}" : "")} ({unit})</figcaption></figure>");
            }

            page.Raw("</div>");
        }
    }

    /// <summary>Lines of a term, round after round.</summary>
    private static List<IReadOnlyList<(double X, double Y)>> Parts(IEnumerable<FitCurvePoint> points, string name)
    {
        var (parts, before) = (new List<IReadOnlyList<(double X, double Y)>>(), 0);
        foreach (var round in points.GroupBy(point => point.Round).OrderBy(round => round.Key))
        {
            var shift = before;
            parts.Add([.. round.Where(point => point.Terms.ContainsKey(name)).OrderBy(point => point.Step)
                .Select(point => ((double)(shift + point.Step), point.Terms[name]))]);
            before += round.Max(point => point.Step);
        }

        return parts;
    }

    private static (string Text, string Unit) Describe(FitStage stage, string name)
    {
        if (name == Loss) return ("weighted sum of all", "what is minimised");
        if (Terms.TryGetValue((stage, name), out var found)) return found;
        return stage == FitStage.Task && Terms.TryGetValue((FitStage.Proposer, name), out found) ? found : ("", "no unit");
    }

    private static string Arrow(double alone, double found) =>
        string.Create(CultureInfo.InvariantCulture, $"{Math.Abs(alone):F3} → {Math.Abs(found):F3}");
}
