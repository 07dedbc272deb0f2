using System.Text.RegularExpressions;

namespace DiffeoNN.Onnx.Cli.Tests;

/// <summary>The repository's Markdown files, read for the tests that compare them with the program.</summary>
internal static partial class Documents
{
    private static readonly string[] Folders = ["src", "models", "tools", "tests"];
    private static readonly string[] Made = ["bin", "obj", "runs", "node_modules"];

    /// <summary>Paths relative to the repository's root, with forward slashes.</summary>
    public static IEnumerable<string> All => Folders
        .SelectMany(folder => Directory.EnumerateFiles(Path.Combine(Repository.Root, folder), "*.md", SearchOption.AllDirectories))
        .Select(file => Path.GetRelativePath(Repository.Root, file).Replace('\\', '/'))
        .Where(file => !file.Split('/').Any(part => Made.Contains(part) || part.StartsWith('.')))
        .Order(StringComparer.Ordinal).Prepend("README.md");

    /// <summary>The text of a document.</summary>
    public static string Read(string document) => File.ReadAllText(Path.Combine(Repository.Root, document)).ReplaceLineEndings("\n");

    /// <summary>The part below a heading, up to the next one of the same level.</summary>
    public static string Section(string document, string heading) =>
        $"\n{Read(document)}".Split($"\n{heading}\n")[1].Split($"\n{heading.Split(' ')[0]} ")[0];

    /// <summary>The cells of all tables' rows, headers and rules left out.</summary>
    public static IEnumerable<string[]> Rows(string text)
    {
        var lines = text.Split('\n');
        for (var i = 0; i < lines.Length; i++)
        {
            var isHeader = i + 1 < lines.Length && lines[i + 1].StartsWith("| ---", StringComparison.Ordinal);
            if (lines[i].StartsWith("| ", StringComparison.Ordinal) && !lines[i].StartsWith("| ---", StringComparison.Ordinal) && !isHeader)
                yield return [.. CellBorder().Split(lines[i])[1..^1].Select(cell => cell.Trim())];
        }
    }

    /// <summary>What stands between single backticks.</summary>
    public static IEnumerable<string> Code(string text) =>
        CodeSpan().Matches(Fence().Replace(text, "")).Select(match => match.Groups[1].Value);

    /// <summary>The text without fenced blocks and code spans.</summary>
    public static string Prose(string document) => CodeSpan().Replace(Fence().Replace(Read(document), ""), "");

    /// <summary>Targets of links and pictures, those of references included.</summary>
    public static IEnumerable<string> Links(string document)
    {
        var text = Fence().Replace(Read(document), "");
        return Link().Matches(text).Concat(Definition().Matches(text)).Select(match => match.Groups[1].Value);
    }

    /// <summary>Labels of links by reference, and those that are defined.</summary>
    public static (HashSet<string> Used, HashSet<string> Defined) References(string document)
    {
        var text = Prose(document);
        return (
            [.. Reference().Matches(text).Select(match => match.Groups[1].Value)],
            [.. Definition().Matches(text).Select(match => match.Groups[2].Value)]);
    }

    /// <summary>What links to headings may name, as the usual viewers make it: lower case, hyphens for blanks, no punctuation.</summary>
    public static HashSet<string> Anchors(string document) => [.. Heading().Matches(Fence().Replace(Read(document), ""))
        .Select(match => LinkText().Replace(match.Groups[1].Value, "$1").ToLowerInvariant())
        .Select(heading => NotInAnchors().Replace(heading, "").Replace(' ', '-'))];

    [GeneratedRegex(@"^ *```.*?^ *```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fence();

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex CodeSpan();

    [GeneratedRegex(@"(?<!\\)\|")]
    private static partial Regex CellBorder();

    [GeneratedRegex(@"\]\(([^()\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^\[(?<2>[^\]]+)\]: (?<1>\S+)", RegexOptions.Multiline)]
    private static partial Regex Definition();

    [GeneratedRegex(@"\]\[([^\]]+)\]")]
    private static partial Regex Reference();

    [GeneratedRegex("^#+ (.+)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"\[([^\]]+)\]\([^)]*\)")]
    private static partial Regex LinkText();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex NotInAnchors();
}
