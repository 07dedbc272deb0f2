using System.Globalization;
using System.Reflection;
using DiffeoNN.Onnx.Diagnostics.Reading;
using DiffeoNN.Onnx.Evaluation;
using DiffeoNN.Onnx.Rendering;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Training.Fit;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>The page of a fit: one file that needs no other, no script and no network, in light and dark and on paper.</summary>
internal static class FitPage
{
    private static readonly string[] Methods = ["undeformed", "network alone", "canonicalised"];

    /// <summary>The page.</summary>
    public static string Of(FitReport report)
    {
        var result = report.Result;
        var page = new HtmlText();
        page.Raw("<!DOCTYPE html>").Raw("<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\"><head><meta charset=\"utf-8\"/>")
            .Raw("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\"/>")
            .Raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>")
            .Raw("<meta name=\"color-scheme\" content=\"light dark\"/>")
            .Line($"<title>{result.Bundle.Name}: {Word(result.Verdict)}</title>").Raw($"<style>{FitPageStyle.Text}</style></head><body>");
        Head(page, report);
        page.Raw("<main>");
        Figures(page, result);
        Pictures(page, report.Panels);
        Next(page, report);
        FitPageTraining.Add(page, result, report.Time);
        Settings(page, result);
        Network(page, report);
        page.Raw("</main>");
        Foot(page, report);
        return page.Raw("</body></html>").ToString();
    }

    /// <summary>The verdict in a word or three.</summary>
    public static string Word(FitVerdict verdict) =>
        verdict.Doubts.Count > 0 ? "nothing is claimed"
        : verdict.Helps ? "helps"
        : verdict.IsUndecided ? "is not shown to help"
        : "does not help";

    private static void Head(HtmlText page, FitReport report)
    {
        var result = report.Result;
        var verdict = result.Verdict;
        var (kind, mark) = verdict.Doubts.Count > 0 || verdict.IsUndecided ? ("unsure", "?")
            : verdict.Helps ? ("good", "✓") : ("bad", "✗");
        page.Line($"<header><p class=\"kind\">Report of diffeonn fit</p><h1>{result.Bundle.Name}</h1>");
        page.Line($"<section class=\"verdict {kind}\" aria-label=\"Verdict\"><p class=\"word\"><span aria-hidden=\"true\">{mark}</span> ");
        page.Line($"{(verdict.Doubts.Count > 0 ? "Nothing is claimed" : $"This bundle {Word(verdict)}")}</p>");
        page.Raw("<ul>");
        foreach (var line in verdict.Lines) page.Line($"<li>{line}</li>");
        page.Raw("</ul></section>");
        page.Line($"<p class=\"lead\">Fitted to the network {Path.GetFileName(report.Inner)} with {result.TrainingImages} undeformed ");
        var held = result.HeldOut.Count;
        var judged = verdict.Judged < held ? $"{verdict.Judged} of the {held}" : $"the {verdict.Judged}";
        page.Line($"images of {report.Data}; judged on {judged} that were held out of training. ");
        var reference = verdict.OfTruth ? "the truth" : "the network's own on the undeformed images: no labels were needed";
        page.Line($"Answers are compared with {reference}.</p>");
        foreach (var note in result.Notes) page.Line($"<p class=\"note\"><strong>Note:</strong> {note}</p>");
        page.Raw("</header>");
    }

    private static void Figures(HtmlText page, FitResult result)
    {
        var verdict = result.Verdict;
        page.Raw("<section aria-labelledby=\"figures\"><h2 id=\"figures\">What it does</h2>");
        page.Table(
            $"{Mean(verdict.Measure)}{(verdict.OfTruth ? "" : " with the network's own answers on undeformed images")}, by family",
            ["deformation", "undeformed", "network alone", "canonicalised", "gap closed", "maps used", "images"],
            verdict.Figures.Select(figure => new[]
            {
                Family(figure.Deformation, verdict), Number(verdict.Shown(figure.Undeformed)), Number(verdict.Shown(figure.Alone)),
                string.Create(CultureInfo.InvariantCulture, $"{verdict.Shown(figure.Canonicalised):F4} ± {figure.Error:F4}"),
                figure.GapClosed is { } closed ? Percent(closed) : "–", Percent(figure.Used),
                figure.Images.ToString(CultureInfo.InvariantCulture),
            }),
            numbersFrom: 1);
        page.Raw("<p class=\"small\">Undeformed: the network on the images before they are deformed, the most there is to win. ± is the "
            + "standard error of the difference to the network alone. Gap closed: the share of what deformation costs that is won back; – "
            + "where it costs next to nothing. Maps used: images for which a deformation was undone; the others were left as they are. "
            + "Maps and images are others than those trained on.</p>");
        Boxes(page, result);
        page.Raw("</section>");
    }

    // Some measures are called means already.
    private static string Mean(string measure) =>
        measure.StartsWith("mean ", StringComparison.Ordinal) ? $"M{measure[1..]}" : $"Mean {measure}";

    private static void Boxes(HtmlText page, FitResult result)
    {
        var groups = result.Evaluations.Select(evaluation => (Name: evaluation.Summary.Deform, Boxes: BoxesOf(evaluation)))
            .Where(group => group.Boxes.Count > 0).ToList();
        if (groups.Count == 0) return;
        var quantity = result.Evaluations[0].Summary.RankTitle;
        var plot = new BoxPlot($"Image by image, by family of deformations: {quantity}", quantity, Methods, groups);
        page.Raw("<figure><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Box plot\">");
        page.Raw(plot.ToSvg("boxes")).Raw("</div>");
        page.Line($"<figcaption>Image by image: {quantity}. Boxes hold half of the images, line at the median, diamond at the ");
        page.Raw("mean; whiskers reach to the furthest within 1.5 boxes, dots are beyond.</figcaption></figure>");
    }

    private static IReadOnlyList<BoxPlotSeries> BoxesOf(EvaluationResult evaluation)
    {
        // Without a deformation the first two are the same.
        var first = evaluation.Summary.Deform == "none" ? 1 : 0;
        return
        [
            .. Methods.Select((method, i) => new BoxPlotSeries(method, Values(i))).Skip(first).Where(box => box.Values.Count > 0),
        ];

        IReadOnlyList<double> Values(int method) =>
        [
            .. evaluation.Samples.Select(sample => (method switch { 0 => sample.Clean, 1 => sample.Naive, _ => sample.Diffeonn }).Rank)
                .Where(double.IsFinite),
        ];
    }

    private static void Pictures(HtmlText page, IReadOnlyList<FitPanel> panels)
    {
        if (panels.Count == 0) return;
        page.Raw("<section aria-labelledby=\"pictures\"><h2 id=\"pictures\">Before and after</h2><p class=\"small\">"
            + "Images held out, ranked by the answer that the bundle gives. White outlines, where there are any, "
            + "are what the answer is compared with.</p>");
        foreach (var panel in panels)
        {
            page.Line($"<article class=\"panel\"><h3>{panel.Title}</h3><div class=\"tiles\">");
            foreach (var picture in panel.Pictures)
            {
                var caption = picture.Caption is { Length: > 0 } text ? $": {text}" : "";
                page.Line($"<figure><img alt=\"{panel.Title}: {picture.Title}{caption}\" width=\"{picture.Picture.Width}\" ");
                page.Line($"height=\"{picture.Picture.Height}\" src=\"{HtmlText.DataUri(picture.Picture)}\"/>");
                page.Line($"<figcaption><strong>{picture.Title}</strong>{caption}</figcaption></figure>");
            }

            page.Line($"</div><p class=\"small lines\">{panel.Text}</p></article>");
        }

        page.Raw("</section>");
    }

    private static void Next(HtmlText page, FitReport report)
    {
        var result = report.Result;
        page.Raw("<section aria-labelledby=\"next\"><h2 id=\"next\">What to do next</h2>");
        if (FitAdvice.Of(result) is { } advice) page.Line($"<p>To do: {advice}</p>");

        page.Line($"<p>Answers for new images:</p><pre><code>{report.NextCommand}</code></pre>");
        page.Line($"<p>What the bundle holds: <code>diffeonn info {FitReport.Quoted(result.Bundle.Folder)}</code></p></section>");
    }

    private static void Settings(HtmlText page, FitResult result)
    {
        var search = result.Bundle.Manifest.Search;
        page.Raw("<section aria-labelledby=\"settings\"><h2 id=\"settings\">Settings chosen</h2>");
        page.Table(
            "Settings of the search, as diffeonn.json has them", ["setting", "value"],
            Rows(search, "").Concat(search.Refinement is { } refinement ? Rows(refinement, "refinement.") : []));
        page.Raw("</section>");

        static IEnumerable<string[]> Rows(SearchSpec spec, string prefix) => SearchSpec.Settings
            .Where(setting => setting.Section != SearchSection.Caller && spec.Says(setting))
            .Select(setting => new[] { prefix + setting.Name, setting.Text(spec.Value(setting)) });
    }

    private static void Network(HtmlText page, FitReport report)
    {
        page.Raw("<section aria-labelledby=\"network\"><h2 id=\"network\">What was read of the network</h2>");
        foreach (var finding in report.Findings)
        {
            var level = finding.Level.ToString().ToLowerInvariant();
            page.Line($"<p class=\"note\"><strong>{level}: {finding.Subject}:</strong> {finding.Text}");
            page.Line($"{(finding.Advice.Length > 0 ? $" To do: {finding.Advice}." : "")}</p>");
        }

        page.Table(
            "Read from the file and from its outputs", ["what", "taken", "how sure", "why", "option that says otherwise"],
            report.Guesses.Select(guess => new[]
            {
                guess.Subject, guess.Value, ReadingLines.Word(guess.Origin).Trim(), guess.Reason, guess.Override,
            }));
        page.Raw("</section>");
    }

    private static void Foot(HtmlText page, FitReport report)
    {
        var provenance = report.Result.Bundle.Manifest.Provenance;
        var image = report.Result.Bundle.Image;
        var version = typeof(FitPage).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "";
        page.Line($"<footer><p>Works on {image.Channels} x {image.Height} x {image.Width} (channels, height, width). ");
        page.Line($"Took {FitReport.Duration(report.Result.Elapsed)} of {FitReport.Duration(report.Time)}. ");
        page.Line($"Seed {provenance?.Seed?.ToString(CultureInfo.InvariantCulture) ?? "unknown"}, {provenance?.Date ?? "date unknown"}, ");
        page.Line($"diffeonn {version.Split('+')[0]}.</p></footer>");
    }

    private static string Family(string family, FitVerdict verdict) =>
        family == "none" ? "none (undeformed)" : family == verdict.Strongest ? $"{family} (decides)" : family;

    private static string Number(double value) => value.ToString("F4", CultureInfo.InvariantCulture);

    private static string Percent(double value) => string.Create(CultureInfo.InvariantCulture, $"{100 * value:F0} %");
}
