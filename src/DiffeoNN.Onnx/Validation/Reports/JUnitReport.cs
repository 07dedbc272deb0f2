using System.Globalization;
using System.Text;
using System.Xml;
using System.Xml.Linq;
using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Validation.Reports;

/// <summary>Writes a validation report in the form that build servers read: a suite for each graph, a case for each comparison.</summary>
public static class JUnitReport
{
    /// <summary>The report as XML.</summary>
    /// <param name="report">The report.</param>
    public static string ToXml(ValidationReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        var suites =
            report.Graphs.Select(graph => Suite($"{report.Subject}/{graph.Name}", [.. Cases(report, graph)], graph.Seconds)).ToList();
        if (report.Job is { } whole)
            suites.Add(Suite($"{report.Subject}/job", [JobCase(report, whole)], whole.BaselineSeconds + whole.EngineSeconds));
        if (report.Fields.Count > 0)
        {
            suites.Add(Suite(
                $"{report.Subject}/fields", [.. report.Fields.Select(job => JobCase(report, job))],
                report.Fields.Sum(job => job.BaselineSeconds + job.EngineSeconds)));
        }

        var root = new XElement("testsuites", new XAttribute("name", "diffeonn validate"), Count(suites, "tests"),
            Count(suites, "failures"), Count(suites, "skipped"),
            new XAttribute("time", Number(report.Seconds)), suites);
        var text = new StringBuilder();
        using (var writer = XmlWriter.Create(text, new XmlWriterSettings { Indent = true, OmitXmlDeclaration = true, NewLineChars = "\n" }))
            root.Save(writer);
        return $"<?xml version=\"1.0\" encoding=\"utf-8\"?>\n{text}\n";
    }

    /// <summary>Writes the report.</summary>
    /// <param name="report">The report.</param>
    /// <param name="path">The file; replaced if it exists.</param>
    /// <exception cref="OutputException">The file cannot be written.</exception>
    public static void Save(ValidationReport report, string path) => AtomicFile.WriteText(path, ToXml(report));

    private static XElement Suite(string name, List<XElement> cases, double seconds) => new(
        "testsuite", new XAttribute("name", Clean(name)), new XAttribute("tests", cases.Count),
        new XAttribute("failures", cases.Count(Has("failure"))),
        new XAttribute("skipped", cases.Count(Has("skipped"))), new XAttribute("time", Number(seconds)), cases);

    private static Func<XElement, bool> Has(string element) => parent => parent.Element(element) is not null;

    private static XAttribute Count(List<XElement> suites, string attribute) =>
        new(attribute, suites.Sum(suite => (int)suite.Attribute(attribute)!));

    private static IEnumerable<XElement> Cases(ValidationReport report, GraphReport graph)
    {
        foreach (var comparison in graph.Comparisons)
        {
            var set = graph.Comparisons.Max(other => other.Set) > 0 ? $", set {comparison.Set}" : "";
            var found = Case(report, graph, $"{ReportText.Quantity(comparison.Quantity)} {comparison.Tensor.Name}: {comparison.Source} "
                + $"against {comparison.Baseline}{set}");
            if (!comparison.Tensor.Agrees)
            {
                var blames = graph.Blames.Where(blame => blame.Quantity == comparison.Quantity && blame.Source == comparison.Source)
                    .Select(blame => blame.Finding);
                found.Add(Failure(ReportText.Verdict(comparison.Tensor), string.Join("\n", blames)));
            }

            yield return found;
        }

        foreach (var difference in graph.Differences)
        {
            var found = Case(report, graph, $"gradient {difference.Input}: {difference.Source} against finite differences");
            if (!difference.Agrees)
                found.Add(Failure($"off by {ReportText.Number(difference.LargestError)} of the gradient's length; "
                    + $"{ReportText.Number(difference.Tolerance)} is allowed", ""));
            yield return found;
        }

        foreach (var skipped in graph.Skipped)
        {
            var found = Case(report, graph, $"{ReportText.Quantity(skipped.Quantity)}: {skipped.Source}");
            found.Add(skipped.IsFailure
                ? Failure(skipped.Reason, "")
                : new XElement("skipped", new XAttribute("message", Clean(skipped.Reason))));
            yield return found;
        }
    }

    private static XElement JobCase(ValidationReport report, JobReport job)
    {
        var found = new XElement("testcase", new XAttribute("classname", Clean($"{report.Subject}.job")),
            new XAttribute("name", $"{job.Name}: {job.Engine} against {job.Baseline}"));
        if (!job.Passed) found.Add(Failure(ReportText.Job(job), ""));
        return found;
    }

    private static XElement Case(ValidationReport report, GraphReport graph, string name) =>
        new("testcase", new XAttribute("classname", Clean($"{report.Subject}.{graph.Name}")), new XAttribute("name", Clean(name)));

    private static XElement Failure(string message, string details) =>
        new("failure", new XAttribute("message", Clean(message)), Clean(details));

    private static string Number(double seconds) => seconds.ToString("0.###", CultureInfo.InvariantCulture);

    // Names come from model files and may hold what XML cannot.
    private static string Clean(string text) =>
        string.Concat(text.Select(letter => XmlConvert.IsXmlChar(letter) || letter == '\n' ? letter : '\uFFFD'));
}
