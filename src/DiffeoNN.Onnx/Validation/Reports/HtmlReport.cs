using System.Globalization;
using System.Net;
using System.Text;
using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Validation.Comparing;

namespace DiffeoNN.Onnx.Validation.Reports;

/// <summary>Writes a validation report as one page that needs nothing else:
/// styles and pictures are inside, scripts are not needed.</summary>
public static class HtmlReport
{
    private const string Style = """
        :root { --good: #1a7f4b; --bad: #b3261e; --line: #d8dce2; --soft: #f5f6f8; --text: #1d2430; --grey: #5c6675; --bar: #4a76b8; }
        * { box-sizing: border-box; }
        body { font: 15px/1.5 system-ui, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; color: var(--text); margin: 0 auto;
            padding: 24px; max-width: 1180px; }
        h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 19px; margin: 36px 0 8px; } h3 { font-size: 15px; margin: 20px 0 6px; }
        p { margin: 6px 0; } .grey { color: var(--grey); } .small { font-size: 13px; }
        .verdict { border-left: 6px solid; border-radius: 4px; padding: 12px 16px; margin: 18px 0; background: var(--soft);
            font-size: 17px; }
        .good { color: var(--good); } .bad { color: var(--bad); } .verdict.good { border-color: var(--good); }
        .verdict.bad { border-color: var(--bad); }
        .wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: 13.5px; }
        th, td { text-align: left; padding: 6px 8px; border-bottom: 1px solid var(--line); vertical-align: middle; }
        th { color: var(--grey); font-weight: 600; border-bottom-width: 2px; }
        td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; } td.number { white-space: nowrap; }
        th { vertical-align: bottom; }
        td.break { min-width: 130px; overflow-wrap: anywhere; } td.verdict-cell { min-width: 90px; }
        tr.failed td.verdict-cell { min-width: 200px; } tr.failed td { background: #fdf0ef; }
        code { font: 13px ui-monospace, Consolas, monospace; background: var(--soft); padding: 1px 4px; border-radius: 3px;
            overflow-wrap: anywhere; }
        .blame { border: 1px solid var(--bad); border-radius: 6px; padding: 10px 16px; margin: 12px 0; } .blame h3 { margin-top: 2px; }
        .chip { display: inline-block; font-weight: 600; white-space: nowrap; } svg { display: block; }
        dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 8px 0; } dt { color: var(--grey); }
        dd { margin: 0; overflow-wrap: anywhere; }
        @media print { body { max-width: none; padding: 0; } h2 { break-after: avoid; } tr { break-inside: avoid; } }
        """;

    /// <summary>The page.</summary>
    /// <param name="report">The report.</param>
    public static string ToHtml(ValidationReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        var page = new StringBuilder();
        page.Append(CultureInfo.InvariantCulture, $"""
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
            <title>Validation of {Text(report.Subject)}</title>
            <style>
            {Style}
            </style></head><body>
            <h1>Validation of {Text(report.Subject)}</h1>
            <p class="grey">{Text(report.Kind)} <code>{Text(report.Path)}</code></p>

            """);
        Summary(page, report);
        foreach (var graph in report.Graphs) Graph(page, graph);
        Job(page, report);
        Legend(page, report);
        return page.Append("</body></html>\n").ToString();
    }

    /// <summary>Writes the page.</summary>
    /// <param name="report">The report.</param>
    /// <param name="path">The file; replaced if it exists.</param>
    /// <exception cref="OutputException">The file cannot be written.</exception>
    public static void Save(ValidationReport report, string path) => AtomicFile.WriteText(path, ToHtml(report));

    private static void Summary(StringBuilder page, ValidationReport report)
    {
        var failed = report.Graphs.Where(graph => !graph.Passed).Select(graph => graph.Name)
            .Concat(report.Jobs.Where(job => !job.Passed).Select(job => $"the {job.Name}")).ToList();
        var verdict = report.Passed
            ? "Everything that was compared agrees."
            : $"Disagreement in {string.Join(", ", failed)}.{Blamed(report)}";
        page.Append($"<div class=\"verdict {(report.Passed ? "good" : "bad")}\">{Text(verdict)}</div>\n<div class=\"wide\"><table>"
            + "<tr><th>graph</th><th class=\"number\">nodes</th><th>outputs</th><th>gradients</th><th>not compared</th>"
            + "<th class=\"number\">seconds</th></tr>\n");
        foreach (var graph in report.Graphs)
        {
            var skipped = string.Join(", ", graph.Skipped.Select(source => $"{source.Source} ({ReportText.Quantity(source.Quantity)})"));
            page.Append($"<tr{(graph.Passed ? "" : " class=\"failed\"")}><td>{Text(graph.Name)}</td><td class=\"number\">{graph.Nodes}</td>"
                + $"<td>{Cell(graph, ComparedQuantity.Output)}</td>"
                + $"<td>{Cell(graph, ComparedQuantity.Gradient)}</td><td class=\"grey\">{Text(skipped)}</td>"
                + $"<td class=\"number\">{Seconds(graph.Seconds)}</td></tr>\n");
        }

        foreach (var job in report.Jobs)
        {
            page.Append($"<tr{(job.Passed ? "" : " class=\"failed\"")}><td>{Text(job.Name)}</td><td></td>"
                + $"<td colspan=\"2\">{Chip(job.Passed)} {Text(ReportText.Job(job))}</td><td></td>"
                + $"<td class=\"number\">{Seconds(job.BaselineSeconds + job.EngineSeconds)}</td></tr>\n");
        }

        page.Append("</table></div>\n");
    }

    private static string Blamed(ValidationReport report)
    {
        var nodes = report.Graphs.SelectMany(graph => graph.Blames).Where(blame => blame.Nodes.Count > 0)
            .Select(blame => $"{blame.Nodes[0]}").Distinct().ToList();
        return nodes.Count == 0 ? "" : $" Look at {string.Join(", ", nodes.Take(5))} first.";
    }

    private static string Cell(GraphReport graph, ComparedQuantity quantity)
    {
        var compared = graph.Comparisons.Where(comparison => comparison.Quantity == quantity).ToList();
        if (compared.Count == 0 && quantity == ComparedQuantity.Gradient && graph.Differences.Any(difference => difference.IsDecided))
            return $"{Chip(graph.Differences.All(difference => difference.Agrees))} <span class=\"grey\">with finite differences</span>";
        if (compared.Count == 0) return "<span class=\"grey\">not compared</span>";
        var passed = compared.All(comparison => comparison.Tensor.Agrees)
            && (quantity == ComparedQuantity.Output || graph.Differences.All(difference => difference.Agrees));
        var worst = quantity == ComparedQuantity.Output
            ? $"largest error {ReportText.Number(compared.Max(comparison => comparison.Tensor.LargestScaledError))}"
            : $"smallest cosine {ReportText.Cosine(compared.Min(comparison => comparison.Tensor.Cosine))}";
        return $"{Chip(passed)} <span class=\"grey\">{Text(worst)}</span>";
    }

    private static void Graph(StringBuilder page, GraphReport graph)
    {
        page.Append($"<h2>{Text(graph.Name)} {Chip(graph.Passed)}</h2>\n<p class=\"grey small\">{graph.Nodes} nodes; inputs: "
            + $"{Text(graph.Inputs)}{Text(string.Concat(graph.Assumptions.Select(assumption => $"; {assumption}")))}</p>\n");
        foreach (var blame in graph.Blames) Blame(page, blame);
        page.Append("<div class=\"wide\"><table><tr><th>tensor</th><th>source</th><th>against</th><th class=\"number\">largest error</th>"
            + "<th class=\"number\">relative to magnitude</th><th class=\"number\">relative to element</th>"
            + "<th class=\"number\">mean error</th><th class=\"number\">cosine</th><th>errors by power of ten</th><th>verdict</th></tr>\n");
        foreach (var comparison in graph.Comparisons) Row(page, comparison, graph.Comparisons.Max(other => other.Set) > 0);
        foreach (var difference in graph.Differences)
        {
            var unsteady = difference.Unsteady > 0 ? $", {difference.Unsteady} unsteady" : "";
            page.Append($"<tr{(difference.Agrees ? "" : " class=\"failed\"")}><td class=\"break\">gradient by {Text(difference.Input)}</td>"
                + $"<td>{Text(difference.Source)}</td><td>finite differences</td><td></td>"
                + $"<td class=\"number\">{ReportText.Number(difference.LargestError)}</td>"
                + $"<td></td><td></td><td></td><td class=\"grey\">{difference.Directions} random directions{unsteady}</td>"
                + $"<td>{(difference.IsDecided ? Chip(difference.Agrees) : "<span class=\"chip grey\">undecided</span>")}</td></tr>\n");
        }

        page.Append("</table></div>\n");
        foreach (var skipped in graph.Skipped)
        {
            page.Append($"<p class=\"small\"><span class=\"{(skipped.IsFailure ? "bad" : "grey")}\">"
                + $"{ReportText.Quantity(skipped.Quantity)}s of {Text(skipped.Source)} "
                + $"{(skipped.IsFailure ? "failed" : "not compared")}: {Text(skipped.Reason)}</span></p>\n");
        }
    }

    private static void Row(StringBuilder page, SourceComparison comparison, bool showsSet)
    {
        var tensor = comparison.Tensor;
        var name = comparison.Quantity switch
        {
            ComparedQuantity.Output => tensor.Name,
            ComparedQuantity.Module => $"module, value {tensor.Name}",
            _ => $"gradient by {tensor.Name}",
        };
        var shape = $"{tensor.ElementType.ToString().ToLowerInvariant()} [{string.Join(",", tensor.Shape)}]"
            + $"{(showsSet ? $", set {comparison.Set}" : "")}";
        var detail = tensor.Agrees ? "" : $"<br><span class=\"small\">{Text(ReportText.Verdict(tensor))}</span>";
        page.Append($"<tr{(tensor.Agrees ? "" : " class=\"failed\"")}><td class=\"break\">{Text(name)}<br>"
            + $"<span class=\"grey small\">{Text(shape)}</span></td><td>{Text(comparison.Source)}</td><td>{Text(comparison.Baseline)}</td>"
            + $"<td class=\"number\" title=\"{Text(ReportText.At(tensor).TrimStart(',', ' '))}\">"
            + $"{ReportText.Number(tensor.LargestAbsoluteError)}</td>"
            + $"<td class=\"number\">{ReportText.Number(tensor.LargestScaledError)}</td>"
            + $"<td class=\"number\">{ReportText.Number(tensor.LargestRelativeError)}</td>"
            + $"<td class=\"number\">{ReportText.Number(tensor.MeanError)}</td><td class=\"number\">{ReportText.Cosine(tensor.Cosine)}</td>"
            + $"<td>{HistogramPicture.Of(tensor)}</td><td class=\"verdict-cell\">{Chip(tensor.Agrees)}{detail}</td></tr>\n");
    }

    private static void Blame(StringBuilder page, BlameReport blame)
    {
        var nodes = string.Join(", ", blame.Nodes.Select(node => $"{Text(node.Operator)} <code>{Text(node.Name)}</code>"));
        page.Append($"<div class=\"blame\"><h3>{Text(Title(blame))}{(blame.Nodes.Count == 0 ? "" : $": {nodes}")}</h3>\n"
            + $"<p>{Text(blame.Finding)}</p>\n");
        if (blame.Difference is { } difference)
            page.Append($"<p class=\"small\">Value <code>{Text(blame.Value!)}</code>: {Text(ReportText.Verdict(difference))}</p>\n"
                + $"{HistogramPicture.Of(difference)}\n");
        if (blame.Folder is { } folder)
            page.Append($"<p class=\"small\">Smallest failing graph with its inputs: <code>{Text(folder)}</code></p>\n");
        page.Append("</div>\n");
    }

    private static string Title(BlameReport blame) =>
        $"{(blame.Nodes.Count == 0 ? "No node to blame" : "To blame")} for {ReportText.Quantity(blame.Quantity)}s of {blame.Source} that "
        + $"differ from those of {blame.Baseline}";

    private static void Job(StringBuilder page, ValidationReport report)
    {
        if (report.JobSkipped is { } reason) page.Append($"<h2>Whole job</h2>\n<p class=\"grey\">Not compared: {Text(reason)}</p>\n");
        if (report.FieldsSkipped is { } why) page.Append($"<h2>Fields by graphs</h2>\n<p class=\"grey\">Not compared: {Text(why)}</p>\n");
        foreach (var job in report.Jobs) Job(page, job);
    }

    private static void Job(StringBuilder page, JobReport job)
    {
        page.Append($"<h2>{Text(char.ToUpperInvariant(job.Name[0]) + job.Name[1..])} {Chip(job.Passed)}</h2>\n<p>{job.Images} images "
            + $"canonicalised, answered and mapped back by {Text(job.Engine)} ({Seconds(job.EngineSeconds)} s) and {Text(job.Baseline)} "
            + $"({Seconds(job.BaselineSeconds)} s) with the same seed. {Text(ReportText.Job(job))}.</p>\n"
            + "<p class=\"grey small\">A search amplifies rounding: the tensors below are shown, the answers decide.</p>\n"
            + "<div class=\"wide\"><table><tr><th>tensor</th><th class=\"number\">largest error</th><th class=\"number\">relative to "
            + "magnitude</th><th class=\"number\">mean error</th><th class=\"number\">cosine</th><th>errors by power of ten</th></tr>\n");
        foreach (var tensor in job.Tensors)
        {
            page.Append($"<tr><td>{Text(tensor.Name)}<br><span class=\"grey small\">[{string.Join(",", tensor.Shape)}]</span></td>"
                + $"<td class=\"number\">{ReportText.Number(tensor.LargestAbsoluteError)}</td>"
                + $"<td class=\"number\">{ReportText.Number(tensor.LargestScaledError)}</td>"
                + $"<td class=\"number\">{ReportText.Number(tensor.MeanError)}</td>"
                + $"<td class=\"number\">{ReportText.Cosine(tensor.Cosine)}</td><td>{HistogramPicture.Of(tensor)}</td></tr>\n");
        }

        page.Append("</table></div>\n");
    }

    private static void Legend(StringBuilder page, ValidationReport report)
    {
        page.Append("<h2>About this page</h2>\n<p class=\"small\">Errors are relative to the magnitude of a tensor, its largest element. "
            + "Outputs in float32 may be off by 1e-4 of it; gradients must have a cosine of at least 0.99999 "
            + "and a length within 0.5 %, unless other bounds were given. The small charts count elements by the power of ten of their "
            + "error, from below 1e-10 on the left to 1 and above on the right "
            + "(heights are logarithmic); the dotted line is the bound. Gradients are those of sum(upstream × "
            + "output).</p>\n<dl class=\"small\">");
        foreach (var (name, value) in report.Versions) page.Append($"<dt>{Text(name)}</dt><dd>{Text(value)}</dd>");
        page.Append($"<dt>device</dt><dd>{Text(report.Device)} {report.Cores} core{(report.Cores == 1 ? "" : "s")}</dd><dt>sources</dt>"
            + $"<dd>{Text(string.Join(", ", report.Sources))}</dd><dt>seed</dt><dd>{report.Seed}</dd>"
            + $"<dt>time</dt><dd>{Seconds(report.Seconds)} s</dd></dl>\n");
    }

    private static string Chip(bool passed) =>
        passed ? "<span class=\"chip good\">agrees</span>" : "<span class=\"chip bad\">disagrees</span>";

    private static string Seconds(double seconds) => seconds.ToString("0.0", CultureInfo.InvariantCulture);

    private static string Text(string text) => WebUtility.HtmlEncode(text);
}
