using System.Globalization;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>Values of <c>--shape NAME=1,3,224,224</c>.</summary>
internal static class ShapeOption
{
    /// <summary>Shapes by name.</summary>
    /// <exception cref="UsageException">One is malformed, or a name is given twice.</exception>
    public static IReadOnlyDictionary<string, IReadOnlyList<long>> Parse(IEnumerable<string> texts)
    {
        var shapes = texts.Select(Parse).ToList();
        return shapes.GroupBy(shape => shape.Name).FirstOrDefault(group => group.Count() > 1) is { } twice
            ? throw new UsageException($"--shape names '{twice.Key}' more than once.")
            : shapes.ToDictionary(shape => shape.Name, shape => shape.Sizes);
    }

    private static (string Name, IReadOnlyList<long> Sizes) Parse(string text)
    {
        var end = text.LastIndexOf('=');
        var sizes = end < 0
            ? []
            : text[(end + 1)..].Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (end <= 0 || sizes.Any(size => !long.TryParse(size, NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            || value is < 1 or > int.MaxValue))
            throw new UsageException($"--shape is '{text}'; expected NAME=1,3,224,224.");
        return (text[..end], [.. sizes.Select(size => long.Parse(size, CultureInfo.InvariantCulture))]);
    }
}
