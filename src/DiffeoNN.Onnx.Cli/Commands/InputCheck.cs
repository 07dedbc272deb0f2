using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using Spectre.Console;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>What reading all images once has shown, before anything is written.</summary>
/// <param name="Usable">Files that can be run, with what they hold.</param>
/// <param name="Problems">Those that cannot, each with a line that names it and says what is wrong.</param>
internal sealed record InputCheck(
    IReadOnlyList<(string File, ImageFileInfo Info)> Usable, IReadOnlyList<(string File, string Text)> Problems)
{
    /// <summary>What to do about bad files, besides mending them.</summary>
    public const string Advice = "--skip-bad leaves out what cannot be used.";

    /// <summary>Reads every file once, keeping none.</summary>
    /// <param name="files">In order.</param>
    /// <param name="model">What they are for.</param>
    /// <param name="cancellationToken">Stops between two files.</param>
    public static InputCheck Of(IReadOnlyList<string> files, EquivariantModel model, CancellationToken cancellationToken)
    {
        var usable = new List<(string File, ImageFileInfo Info)>();
        var problems = new List<(string File, string Text)>();
        var names = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var file in files)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                var info = ImageFile.Check(file);
                model.CheckFits(info);
                var name = Path.GetFileNameWithoutExtension(file);
                if (names.TryAdd(name, file)) usable.Add((file, info));
                else problems.Add((file, $"'{file}' would write the same results '{name}.*' as '{names[name]}'; rename one."));
            }
            catch (ImageException e)
            {
                problems.Add((file, e.Message.Contains(file, StringComparison.Ordinal) ? e.Message : $"'{file}': {e.Message}"));
            }
        }

        return new InputCheck(usable, problems);
    }

    /// <summary>Prints the list of what is wrong; the run goes on with the rest only where that was asked for.</summary>
    /// <exception cref="ImageException">Something is wrong and may not be skipped, or nothing is left.</exception>
    public void Print(IAnsiConsole console, bool skipsBad)
    {
        var total = Usable.Count + Problems.Count;
        if (!skipsBad && Problems.Count > 1) PrintProblems(console, $"Cannot be used, {Problems.Count} of {total}:");
        if (!skipsBad && Problems.Count > 0) throw new ImageException(Refusal(total));
        if (Usable.Count == 0)
        {
            string images = InputFiles.Count(total, "image"), first = total == 1 ? "" : "; the first";
            throw new ImageException($"None of the {images} can be used{first}: {Problems[0].Text}");
        }

        if (Problems.Count > 0) PrintProblems(console, $"Skipped {Problems.Count} of {total}:");
    }

    /// <summary>Prints what is taken otherwise than whoever looks at the files may expect.</summary>
    public void PrintNotes(IAnsiConsole console, bool orients)
    {
        string[] turned = Select(info => info.Orientation != ImageOrientation.Upright), pages = Select(info => info.Pages > 1);
        var pagesNames = $"{InputFiles.Count(pages.Length, "file")} ({InputFiles.Names(pages)})";
        OrientationNote.Print(console, turned, orients);
        if (pages.Length > 0)
            console.MarkupLineInterpolated($"[yellow]Note:[/] with several pages or frames, of which the first is taken: {pagesNames}.");
    }

    private string Refusal(int total)
    {
        if (Problems.Count == 1) return total == 1 ? Problems[0].Text : $"{Problems[0].Text} {Advice}";
        return $"{Problems.Count} of {total} images cannot be used, as listed above: "
            + $"{InputFiles.Names([.. Problems.Select(problem => Path.GetFileName(problem.File))], most: 20)}. "
            + $"The first: {Problems[0].Text} {Advice}";
    }

    private void PrintProblems(IAnsiConsole console, string title)
    {
        console.MarkupLineInterpolated($"[yellow]{title}[/]");
        foreach (var (_, text) in Problems) console.MarkupLineInterpolated($"  {ErrorTable.OneLine(text)}");
    }

    private string[] Select(Func<ImageFileInfo, bool> which) =>
        [.. Usable.Where(one => which(one.Info)).Select(one => Path.GetFileName(one.File))];
}
