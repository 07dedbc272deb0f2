using System.Globalization;
using DiffeoNN.Onnx.Validation.Comparing;
using DiffeoNN.Onnx.Validation.Reports;
using DiffeoNN.Onnx.Validation.Sources;
using Spectre.Console;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>What <c>validate</c> prints.</summary>
internal static class ValidationTable
{
    /// <summary>Prints one line for each source of each graph, what is wrong in detail, and the verdict.</summary>
    public static void Print(IAnsiConsole console, ValidationReport report)
    {
        var cores = InputFiles.Count(report.Cores, "core");
        console.MarkupLineInterpolated($"[bold]{report.Subject}[/] [grey]{report.Device} {cores}, seed {report.Seed}[/]");
        var table = new Table().Border(TableBorder.Rounded).AddColumns("graph", "what", "source", "against");
        foreach (var heading in new[] { "tensors", "largest error", "smallest cosine" })
            table.AddColumn(new TableColumn(heading).RightAligned());
        table.AddColumn("verdict");
        foreach (var graph in report.Graphs) AddRows(table, graph);
        console.Write(table);
        foreach (var graph in report.Graphs) PrintDetails(console, graph);
        foreach (var job in Jobs(report))
        {
            var title = $"{char.ToUpperInvariant(job.Name[0])}{job.Name[1..]}, {job.Images} images";
            console.MarkupLineInterpolated($"{title}, {job.Engine} against {job.Baseline}: {ReportText.Job(job)}");
            if (!job.Passed) console.MarkupLineInterpolated($"[red]{job.Engine} and {job.Baseline} give different answers.[/]");
        }

        if (report.JobSkipped is { } reason) console.MarkupLineInterpolated($"[yellow]Whole job not compared: {reason}[/]");
        if (report.FieldsSkipped is { } why) console.MarkupLineInterpolated($"[yellow]Fields by graphs not compared: {why}[/]");
        var seconds = report.Seconds.ToString("0.0", CultureInfo.InvariantCulture);
        if (report.Passed) console.MarkupLineInterpolated($"[green]Everything that was compared agrees[/] ({seconds} s)");
        else console.MarkupLineInterpolated($"[red]Disagreement[/] in {string.Join(", ", Failed(report))} ({seconds} s)");
    }

    private static IEnumerable<string> Failed(ValidationReport report) =>
        report.Graphs.Where(graph => !graph.Passed)
            .Select(graph => graph.Name)
            .Concat(Jobs(report).Where(job => !job.Passed).Select(job => $"the {job.Name}"));

    private static IEnumerable<JobReport> Jobs(ValidationReport report) =>
        report.Job is null ? report.Fields : report.Fields.Prepend(report.Job);

    private static void AddRows(Table table, GraphReport graph)
    {
        var title = graph.Name;
        foreach (var group in graph.Comparisons.GroupBy(comparison => (comparison.Quantity, comparison.Source, comparison.Baseline)))
        {
            var tensors = group.Select(comparison => comparison.Tensor).ToList();
            Add(ReportText.Quantity(group.Key.Quantity), group.Key.Source, group.Key.Baseline, $"{tensors.Count}",
                ReportText.Number(tensors.Max(tensor => tensor.LargestScaledError)),
                ReportText.Cosine(tensors.Min(tensor => tensor.Cosine)), tensors.All(tensor => tensor.Agrees));
        }

        foreach (var group in graph.Differences.GroupBy(difference => difference.Source))
        {
            Add("gradient", group.Key, ValidationSources.Differences, $"{group.Count()}",
                ReportText.Number(group.Max(difference => difference.LargestError)), "",
                group.All(difference => difference.Agrees), group.Any(difference => difference.IsDecided));
        }

        void Add(string what, string source, string against, string count, string error, string cosine, bool passed, bool isDecided = true)
        {
            table.AddRow(new Text(title), new Text(what), new Text(source), new Text(against), new Text(count), new Text(error),
                new Text(cosine),
                new Markup(!passed ? "[red]disagrees[/]" : isDecided ? "[green]agrees[/]" : "[grey]undecided[/]"));
            title = "";
        }
    }

    private static void PrintDetails(IAnsiConsole console, GraphReport graph)
    {
        if (graph.Assumptions.Count > 0)
        {
            var drawn = graph.Inputs == "drawn" ? "inputs were drawn; assumed " : "";
            console.MarkupLineInterpolated($"[grey]{graph.Name}: {drawn}{string.Join(", ", graph.Assumptions.Distinct())}[/]");
        }

        foreach (var skipped in graph.Skipped)
        {
            var line = $"{graph.Name}: {ReportText.Quantity(skipped.Quantity)}s of {skipped.Source} "
                + $"{(skipped.IsFailure ? "failed" : "not compared")}: {ErrorTable.OneLine(skipped.Reason)}";
            if (skipped.IsFailure) console.MarkupLineInterpolated($"[red]{line}[/]");
            else console.MarkupLineInterpolated($"[grey]{line}[/]");
        }

        // Whatever lies behind the first module that differs differs with it.
        var modules =
            graph.Comparisons.Where(comparison => comparison.Quantity == ComparedQuantity.Module && !comparison.Tensor.Agrees).ToList();
        foreach (var wrong in graph.Comparisons.Where(
            comparison => !comparison.Tensor.Agrees && (comparison.Quantity != ComparedQuantity.Module || comparison == modules[0])))
        {
            var among = wrong.Quantity == ComparedQuantity.Module && modules.Count > 1 ? $" (the first of {modules.Count})" : "";
            var what = $"{ReportText.Quantity(wrong.Quantity)} '{wrong.Tensor.Name}'{among} of {wrong.Source} against {wrong.Baseline}";
            console.MarkupLineInterpolated($"[red]{graph.Name}[/]: {what}: {ReportText.Verdict(wrong.Tensor)}");
        }

        foreach (var wrong in graph.Differences.Where(difference => !difference.Agrees))
        {
            var error = $"{ReportText.Number(wrong.LargestError)} of its length along a random direction";
            console.MarkupLineInterpolated($"[red]{graph.Name}[/]: gradient by '{wrong.Input}' of {wrong.Source} is off by {error}");
        }

        foreach (var blame in graph.Blames)
        {
            console.MarkupLineInterpolated($"[red]{graph.Name}[/]: {blame.Finding}");
            if (blame.Folder is { } folder) console.MarkupLineInterpolated($"  smallest failing graph with its inputs: {folder}");
        }
    }
}
