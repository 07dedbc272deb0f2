using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Shapes;

namespace DiffeoNN.Onnx.Load;

/// <summary>Generated images of the bundle 'shapes', as files.</summary>
internal static class Images
{
    public static byte[][] Files(int count, int size = 64) =>
        [.. Enumerable.Range(0, count).Select(i => ImageFile.EncodePng(ShapesGenerator.Generate(11, i, size).Image))];

    /// <summary>Settings that requests ask for, by turns.</summary>
    public static IReadOnlyDictionary<string, object>[] Mixed { get; } =
    [
        new Dictionary<string, object>(),
        new Dictionary<string, object> { ["steps"] = 5, ["start"] = "identity" },
        new Dictionary<string, object> { ["steps"] = 12, ["start"] = "identity", ["accept"] = "always" },
        new Dictionary<string, object> { ["steps"] = 0, ["start"] = "proposer", ["passes"] = 2 },
        new Dictionary<string, object> { ["steps"] = 3, ["seed"] = 9 },
    ];
}
