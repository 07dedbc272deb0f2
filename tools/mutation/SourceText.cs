using System.Globalization;
using System.Text.RegularExpressions;
using Mono.Cecil.Cil;

namespace DiffeoNN.Onnx.Mutation;

/// <summary>Source files, for what compiled code does not say: which instructions somebody wrote.</summary>
/// <param name="root">The repository.</param>
/// <param name="folder">The library's folder.</param>
internal sealed partial class SourceText(string root, string folder)
{
    private readonly Dictionary<string, string[]> _files = [];

    /// <summary>The source file below the library's folder.</summary>
    public string File(SequencePoint point)
    {
        var path = point.Document.Url.Replace('\\', '/');
        var start = path.LastIndexOf($"/{folder}/", StringComparison.Ordinal);
        return path[(start + folder.Length + 2)..];
    }

    /// <summary>The text of a statement or expression; empty where the file is not found.</summary>
    public string Of(SequencePoint point)
    {
        var name = File(point);
        if (!_files.TryGetValue(name, out var lines))
        {
            var path = Path.Combine(root, "src", folder, name);
            _files[name] = lines = System.IO.File.Exists(path) ? System.IO.File.ReadAllLines(path) : [];
        }

        if (point.EndLine > lines.Length)
            return "";
        var (first, last) = (point.StartLine - 1, point.EndLine - 1);
        return first == last
            ? lines[first][(point.StartColumn - 1)..(point.EndColumn - 1)]
            : string.Join(
                '\n', [lines[first][(point.StartColumn - 1)..], .. lines[(first + 1)..last], lines[last][..(point.EndColumn - 1)]]);
    }

    /// <summary>Whether a text names a number: as a literal, or by the name of a constant.</summary>
    public static bool Names(string text, double value, IReadOnlySet<string> constants)
    {
        foreach (Match match in Token().Matches(text))
        {
            var token = match.Value;
            if (char.IsLetter(token[0]) || token[0] == '_')
            {
                if (constants.Contains(token))
                    return true;
                continue;
            }

            if (double.TryParse(token.Replace("_", "", StringComparison.Ordinal), NumberStyles.Float, CultureInfo.InvariantCulture,
                    out var number)
                && (number == value || (float)number == value))
                return true;
        }

        return false;
    }

    [GeneratedRegex(@"[A-Za-z_][A-Za-z_0-9]*|(\d[\d_]*)?\.?\d[\d_]*([eE][+-]?\d+)?")]
    private static partial Regex Token();
}
