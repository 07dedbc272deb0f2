using System.CommandLine;
using Spectre.Console;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>Images whose files say that they are to be turned: the option that does it, and the line that tells of them.</summary>
internal static class OrientationNote
{
    /// <summary>The option.</summary>
    public static Option<bool> Option() => new("--auto-orient")
    {
        Description = "Turn images as their EXIF orientation says; otherwise they are taken as they are stored.",
    };

    /// <summary>Tells of them; nothing where there are none.</summary>
    /// <param name="console">Where.</param>
    /// <param name="names">Of the images.</param>
    /// <param name="orients">Whether they were turned.</param>
    public static void Print(IAnsiConsole console, IReadOnlyList<string> names, bool orients)
    {
        if (names.Count == 0) return;
        var turned = $"{InputFiles.Count(names.Count, "image")} ({InputFiles.Names(names)})";
        if (orients) console.MarkupLineInterpolated($"Turned as their EXIF orientation says: {turned}.");
        else console.MarkupLineInterpolated(
            $"[yellow]Note:[/] with an EXIF orientation, but taken as stored: {turned}; --auto-orient turns them.");
    }
}
