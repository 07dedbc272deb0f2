using System.Globalization;
using DiffeoNN.Onnx.Validation.Reports;
using Spectre.Console;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>What <c>validate</c> prints of an export.</summary>
internal static class ExportTable
{
    /// <summary>Prints what was compared, and the verdict.</summary>
    public static void Print(IAnsiConsole console, string name, ExportReport report, TimeSpan time)
    {
        var table = new Table().Border(TableBorder.Rounded).AddColumns("export against library", "");
        Add("images", $"{report.Images}");
        if (report.MeanIou is { } iou)
            Add("IoU of the two answers, mean and least", $"{Number(iou, "F5")}, {Number(report.WorstIou!.Value, "F5")}");
        if (report.Flips is { } flips)
            Add($"{(report.FlipsAreImages ? "images" : "pixels")} of another class", Number(flips, "P3"));
        Add("largest difference of answers", Number(report.AnswerError, "G3"));
        if (report.EnergyError is { } energy)
        {
            Add("of energies of images, of canonical images",
                $"{Number(energy, "G3")}, {Number(report.FoundEnergyError!.Value, "G3")}");
        }

        Add("images with other decisions", $"{report.OtherDecisions.Count}");
        if (report.BatchError is { } batch) Add("rows of a batch against their own runs", Number(batch, "G3"));
        Add("ms an image, library and export",
            $"{Milliseconds(report.LibrarySeconds)}, {Milliseconds(report.ExportSeconds)} "
            + $"(ratio {Number(report.ExportSeconds / report.LibrarySeconds, "F2")})");
        console.Write(table);
        foreach (var line in report.OtherDecisions) console.WriteLine(line);
        var seconds = time.TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture);
        if (report.Passed) console.MarkupLineInterpolated($"[green]{name} answers as its bundle does[/] ({seconds} s)");
        else console.MarkupLineInterpolated($"[red]{name} answers otherwise than its bundle[/] ({seconds} s)");

        void Add(string what, string value) => table.AddRow(new Text(what), new Text(value));

        string Milliseconds(double seconds) => Number(seconds * 1000 / report.Images, "F1");
    }

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
