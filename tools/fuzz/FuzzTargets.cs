using DiffeoNN.Onnx.Fuzz.Targets;

namespace DiffeoNN.Onnx.Fuzz;

/// <summary>The readers that are fuzzed.</summary>
internal static class FuzzTargets
{
    public static IReadOnlyList<string> Names { get; } = ["image", "mask", "csv", "manifest", "bundle", "onnx"];

    /// <summary>A target by its name.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="folder">For its files; made where it is missing.</param>
    public static IFuzzTarget Create(string name, string folder)
    {
        Directory.CreateDirectory(folder);
        return name switch
        {
            "image" => new ImageTarget(),
            "mask" => new MaskTarget(folder),
            "csv" => new CsvTarget(folder),
            "manifest" => new ManifestTarget(folder),
            "bundle" => new BundleTarget(folder),
            "onnx" => new OnnxTarget(folder),
            _ => throw new ArgumentException($"There is no target '{name}'.", nameof(name)),
        };
    }
}
