using DiffeoNN.Onnx.Imaging;
using Spectre.Console;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>What reading all images once has shown, before anything is written.</summary>
/// <param name="Usable">Files that can be run, with what they hold.</param>
/// <param name="Problems">Those that cannot, each with a line that names it and says what is wrong.</param>
internal sealed record InputCheck(IReadOnlyList<(string File, ImageFileInfo Info)> Usable, IReadOnlyList<(string File, string Text)> Problems)
{
    /// <summary>Reads every file once, keeping none.</summary>
    /// <param name="files">In order.</param>
    /// <param name="channels">What the bundle takes.</param>
    /// <param name="cancellationToken">Stops between two files.</param>
    public static InputCheck Of(IReadOnlyList<string> files, int channels, CancellationToken cancellationToken)
    {
        var usable = new List<(string File, ImageFileInfo Info)>();
        var problems = new List<(string File, string Text)>();
        var names = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (string file in files)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                var info = ImageFile.Check(file);
                ImageFile.CheckUsable(file, info, channels);
                string name = Path.GetFileNameWithoutExtension(file);
                if (names.TryAdd(name, file)) usable.Add((file, info));
                else problems.Add((file, $"'{file}' would write the same results '{name}.*' as '{names[name]}'; rename one."));
            }
            catch (ImageException e)
            {
                problems.Add((file, e.Message));
            }
        }

        return new InputCheck(usable, problems);
    }

    /// <summary>Prints the list of what is wrong; the run goes on with the rest only where that was asked for.</summary>
    /// <exception cref="ImageException">Something is wrong and may not be skipped, or nothing is left.</exception>
    public void Print(IAnsiConsole console, bool skipsBad)
    {
        int total = Usable.Count + Problems.Count;
        if (!skipsBad && Problems.Count > 1) PrintProblems(console, $"Cannot be used, {Problems.Count} of {total}:");
        if (!skipsBad && Problems.Count > 0) throw new ImageException(Refusal(total));
        if (Usable.Count == 0)
            throw new ImageException($"None of the {InputFiles.Count(total, "image")} can be used{(total == 1 ? "" : "; the first")}: {Problems[0].Text}");
        if (Problems.Count > 0) PrintProblems(console, $"Skipped {Problems.Count} of {total}:");
    }

    /// <summary>Prints what is taken otherwise than whoever looks at the files may expect.</summary>
    public void PrintNotes(IAnsiConsole console, bool orients)
    {
        string[] turned = Select(info => info.Orientation != ImageOrientation.Upright), pages = Select(info => info.Pages > 1);
        if (turned.Length > 0 && orients)
            console.MarkupLineInterpolated($"Turned as their EXIF orientation says: {InputFiles.Count(turned.Length, "image")} ({InputFiles.Names(turned)}).");
        if (turned.Length > 0 && !orients)
        {
            console.MarkupLineInterpolated(
                $"[yellow]Note:[/] {InputFiles.Count(turned.Length, "image")} with an EXIF orientation ({InputFiles.Names(turned)}) taken as stored; --auto-orient turns them.");
        }

        if (pages.Length > 0)
            console.MarkupLineInterpolated($"[yellow]Note:[/] {InputFiles.Count(pages.Length, "file")} with several pages or frames ({InputFiles.Names(pages)}): the first is taken.");
    }

    private string Refusal(int total)
    {
        const string Advice = "--skip-bad leaves out what cannot be used.";
        if (Problems.Count == 1) return total == 1 ? Problems[0].Text : $"{Problems[0].Text} {Advice}";
        return $"{Problems.Count} of {total} images cannot be used, as listed above: "
            + $"{InputFiles.Names([.. Problems.Select(problem => Path.GetFileName(problem.File))], most: 20)}. {Advice}";
    }

    private void PrintProblems(IAnsiConsole console, string title)
    {
        console.MarkupLineInterpolated($"[yellow]{title}[/]");
        foreach (var (_, text) in Problems) console.MarkupLineInterpolated($"  {ErrorTable.OneLine(text)}");
    }

    private string[] Select(Func<ImageFileInfo, bool> which) => [.. Usable.Where(one => which(one.Info)).Select(one => Path.GetFileName(one.File))];
}
