using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Bundles;

namespace DiffeoNN.Onnx.Cli.Tests;

/// <summary>Bundles that a test may change.</summary>
internal static class BundleCopy
{
    /// <summary>Copies a bundle's folder.</summary>
    /// <param name="source">The bundle.</param>
    /// <param name="target">The copy's folder.</param>
    /// <param name="change">What to change in the manifest.</param>
    /// <returns>The copy's folder.</returns>
    public static string Of(string source, string target, Action<JsonNode>? change = null)
    {
        foreach (var file in Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(target, Path.GetRelativePath(source, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        if (change is not null) Change(target, change);
        return target;
    }

    /// <summary>Changes a bundle's manifest.</summary>
    public static void Change(string bundle, Action<JsonNode> change)
    {
        var path = Path.Combine(bundle, BundleManifest.FileName);
        var root = JsonNode.Parse(File.ReadAllText(path))!;
        change(root);
        File.WriteAllText(path, root.ToJsonString());
    }
}
