using System.Globalization;
using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Files;

namespace DiffeoNN.Onnx.Data;

/// <summary>A file beside <c>images/</c> with a line for each point or box: the column <c>name</c>, the image's file name, and numbers, in
/// pixels; (0, 0) is the centre of the top left one.</summary>
internal sealed class TruthTable
{
    private readonly Dictionary<string, List<double?[]>> _lines = new(StringComparer.Ordinal);
    private readonly string _path;

    private TruthTable(string path) => _path = path;

    /// <summary>The file of points: <c>name,column,row</c>, in the network's order.</summary>
    /// <exception cref="DataException">It is missing or malformed.</exception>
    public static TruthTable OfPoints(string folder) => Read(Path.Combine(folder, "points.csv"), ["column", "row"], null);

    /// <summary>The file of boxes: <c>name,left,top,right,bottom</c> and perhaps <c>class</c>.</summary>
    /// <exception cref="DataException">It is missing or malformed.</exception>
    public static TruthTable OfBoxes(string folder) =>
        Read(Path.Combine(folder, "boxes.csv"), ["left", "top", "right", "bottom"], "class");

    /// <summary>Whether the file has a line for an image.</summary>
    public bool Has(string name) => _lines.ContainsKey(name);

    /// <summary>The points of an image.</summary>
    /// <exception cref="DataException">There are more or fewer than expected.</exception>
    public IReadOnlyList<(double Column, double Row)> Points(string name, int count)
    {
        var lines = Of(name);
        return lines.Count == count
            ? lines.ConvertAll(line => (line[0]!.Value, line[1]!.Value))
            : throw new DataException($"'{_path}' has {lines.Count} points of '{name}'; the bundle answers with {count}.");
    }

    /// <summary>The boxes of an image; none where the file names none.</summary>
    /// <exception cref="DataException">A box is inside out.</exception>
    public IReadOnlyList<AnswerBox> Boxes(string name) => Of(name).ConvertAll(line =>
    {
        var box = new AnswerBox(line[0]!.Value, line[1]!.Value, line[2]!.Value, line[3]!.Value) { Class = (int?)line[4] };
        return box.Left <= box.Right && box.Top <= box.Bottom
            ? box
            : throw new DataException($"'{_path}' has a box of '{name}' whose right or bottom is before its left or top.");
    });

    private List<double?[]> Of(string name) => _lines.GetValueOrDefault(name) ?? [];

    private static TruthTable Read(string path, string[] needed, string? optional)
    {
        if (!File.Exists(path))
            throw new DataException($"'{path}' is missing; answers are compared with its columns name,{string.Join(',', needed)}.")
                { LacksTruth = true };
        var table = new TruthTable(path);
        List<CsvRow> rows;
        try
        {
            rows = CsvText.Read(RegularFile.ReadAllText(path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw new DataException($"'{path}' cannot be read: {e.Message}", e);
        }

        var header = rows.Count > 0 ? rows[0].Fields.ToList() : [];
        var name = header.IndexOf("name");
        int[] columns = [.. needed.Select(column => header.IndexOf(column))];
        if (name < 0 || columns.Contains(-1))
        {
            throw new DataException(
                $"'{path}' starts with '{string.Join(',', header)}'; expected the columns name,{string.Join(',', needed)}.");
        }

        var last = optional is null ? -1 : header.IndexOf(optional);
        foreach (var row in rows.Skip(1))
        {
            if (row.Problem is not null || row.Fields.Count != header.Count)
            {
                var counts = $"line {row.Line} has {row.Fields.Count} fields; the header has {header.Count}.";
                throw new DataException($"'{path}' {row.Problem ?? counts}");
            }

            double?[] numbers =
            [
                .. columns.Select(column => (double?)Number(row, column)),
                .. optional is null ? [] : new[] { last < 0 || row.Fields[last].Length == 0 ? null : (double?)Number(row, last) },
            ];
            if (!table._lines.TryGetValue(row.Fields[name], out var own)) table._lines[row.Fields[name]] = own = [];
            own.Add(numbers);
        }

        return table;

        double Number(CsvRow row, int column) => Parse(row.Fields[column])
            ?? throw new DataException(
                $"'{path}' line {row.Line} has '{row.Fields[column]}' in column {header[column]}; expected a number.");
    }

    /// <summary>A finite number, with a dot; null for other text.</summary>
    public static double? Parse(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number)
            ? number
            : null;
}
