using System.Text.Json;

namespace DiffeoNN.Onnx.GpuCheck.Operators;

/// <summary>Reads what ONNX Runtime's profiler writes.</summary>
internal static class Profile
{
    private const string Suffix = "_kernel_time";

    /// <summary>The nodes that ran, each once, those of inner graphs included.</summary>
    public static IReadOnlyList<ProfiledNode> Read(string path)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(path));
        var nodes = new HashSet<ProfiledNode>();
        foreach (var item in document.RootElement.EnumerateArray())
        {
            if (Text(item, "cat") == "Node" && Text(item, "name") is { } name && name.EndsWith(Suffix, StringComparison.Ordinal)
                && item.TryGetProperty("args", out var details) && Text(details, "op_name") is { } op
                    && Text(details, "provider") is { } provider)
                nodes.Add(new ProfiledNode(name[..^Suffix.Length], op, provider));
        }

        return [.. nodes];
    }

    private static string? Text(JsonElement item, string name) =>
        item.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
