namespace DiffeoNN.Onnx.Tests.Support;

/// <summary>One published single-operator case: its path and the inputs its gradient exists for.</summary>
internal sealed record OperatorCase(string Path, int Opset, string[] Differentiable)
{
    /// <summary>All operators in its graph.</summary>
    public string[] Operators { get; private init; } = [];

    public static IReadOnlyList<OperatorCase> Read(string folder, string index = "index.csv")
    {
        var result = new List<OperatorCase>();
        var lines = File.ReadAllLines(System.IO.Path.Combine(folder, index));
        var header = Fields(lines[0]);
        foreach (var line in lines.Skip(1))
        {
            var fields = Fields(line);
            string Of(string column) => fields[header.IndexOf(column)];
            var opset = Of("opset").Split(' ', ';', '+')[0];
            result.Add(new OperatorCase(Of("path"), int.TryParse(opset.Split(':')[^1], out var version) ? version : 0,
                Of("differentiable_inputs").Split(' ', StringSplitOptions.RemoveEmptyEntries))
            {
                Operators = Of("op_types").Split(' ', StringSplitOptions.RemoveEmptyEntries),
            });
        }

        return result;
    }

    private static List<string> Fields(string line)
    {
        var fields = new List<string> { "" };
        var quoted = false;
        foreach (var c in line)
        {
            if (c == '"')
                quoted = !quoted;
            else if (c == ',' && !quoted)
                fields.Add("");
            else
                fields[^1] += c;
        }

        return fields;
    }
}
