using nietras.SeparatedValues;

namespace DiffeoNN.Onnx.Files;

/// <summary>Comma-separated text with fields in double quotes where they hold commas, quotes (doubled) or line breaks (RFC 4180).</summary>
internal static class CsvText
{
    /// <summary>The rows that are not blank; lines end with LF, CRLF or CR.</summary>
    /// <param name="text">Without byte order mark.</param>
    /// <exception cref="InvalidDataException">A row is longer than can be read.</exception>
    /// <remarks>Blanks around a field do not count, blanks inside quotes do. A quote that neither opens nor closes a field makes the row a
    /// problem: where its fields end is anyone's guess. So does a field in single quotes, which quote nothing,
    /// and one that holds both a line break and a comma, which a quote that was not closed makes.</remarks>
    public static List<CsvRow> Read(string text)
    {
        var rows = new List<CsvRow>();
        try
        {
            using var reader = Sep.New(',')
                .Reader(options => options with { HasHeader = false, DisableColCountCheck = true })
                .FromText(text);
            var next = 1;
            foreach (var row in reader)
            {
                // Counted here: the reader's own number of the first row is 2 where there is no header.
                int from = next, to = from + Breaks(row.Span.TrimEnd());
                next += 1 + Breaks(row.Span);
                if (row.Span.IsWhiteSpace()) continue;
                var fields = new string[row.ColCount];
                var sound = true;
                for (var i = 0; i < fields.Length; i++) sound &= TryUnquote(row[i].Span.Trim(), out fields[i]);
                rows.Add(new CsvRow(from, fields, sound ? Suspect(fields, from, to) : Misquoted(from, to)));
            }
        }
        catch (NotSupportedException e)
        {
            var last = rows.Count > 0 ? rows[^1].Line : 0;
            throw new InvalidDataException($"a row after line {last} is too long; is a quote not closed?", e);
        }

        return rows;
    }

    /// <summary>A field as it is written: in quotes where it needs them.</summary>
    public static string Quote(string field) =>
        field.AsSpan().IndexOfAny(",\"\r\n") >= 0 || field.AsSpan().Trim().Length != field.Length
            ? $"\"{field.Replace("\"", "\"\"", StringComparison.Ordinal)}\""
            : field;

    private static bool TryUnquote(ReadOnlySpan<char> raw, out string field)
    {
        field = raw.ToString();
        if (!raw.Contains('"')) return true;
        if (raw.Length < 2 || raw[0] != '"' || raw[^1] != '"') return false;
        field = raw[1..^1].ToString();
        var without = field.Replace("\"\"", "", StringComparison.Ordinal);
        field = field.Replace("\"\"", "\"", StringComparison.Ordinal);
        return !without.Contains('"', StringComparison.Ordinal);
    }

    private static int Breaks(ReadOnlySpan<char> text) => text.Count('\n') + text.Count('\r') - text.Count("\r\n");

    private static string? Suspect(string[] fields, int from, int to)
    {
        if (Array.Find(fields, field => field.Length > 1 && field[0] == '\'' && field[^1] == '\'') is { } single)
            return $"line {from} has {single} in single quotes, which would be part of the value; take double ones, or none.";
        return Array.Exists(fields, field => field.AsSpan().IndexOfAny('\n', '\r') >= 0 && field.Contains(',', StringComparison.Ordinal))
            ? $"lines {from} to {to} are one row with a field of several lines; is a quote not closed?"
            : null;
    }

    private static string Misquoted(int from, int to) =>
        $"{(to > from ? $"lines {from} to {to} have" : $"line {from} has")} a quote that neither opens nor closes a field; "
        + "quotes stand around a whole field, and inside it they are doubled.";
}
