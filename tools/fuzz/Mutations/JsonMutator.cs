using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace DiffeoNN.Onnx.Fuzz.Mutations;

/// <summary>Changes one value of a JSON text, which stays JSON.</summary>
internal static class JsonMutator
{
    private static readonly string[] Values =
    [
        "null", "true", "false", "\"\"", "\" \"", "\"a\"", "\"../x\"", "\"a/b.onnx\"", "\"\\u0000\"", "\"\\ud800\"",
        "[]", "{}", "[[]]", "0", "-0", "1",
        "-1", "2", "0.5", "1.5", "1e308", "1e999", "-1e999", "1e-400", "2147483647", "2147483648", "65536", "65537", "4096", "4097",
        "9223372036854775807", "9223372036854775808", "1E2", "1.0", "[0]", "[1,2,3]", "\"none\"", "\"softmax\"", "\"points\"", "\"image\"",
        "\"classification\"", "\"segmentation\"", "\"Inner.onnx\"", "{\"a\":1}",
    ];

    /// <summary>A changed copy; the input itself where it is no JSON.</summary>
    public static byte[] Mutate(byte[] input, byte[] other, Random random)
    {
        if (Parse(input) is not { } root) return input;
        var nodes = Below(root).ToList();
        if (nodes.Count == 0) return input;
        var chosen = nodes[random.Next(nodes.Count)];
        if (random.Next(4) == 0 && Parse(other) is { } donor && Below(donor).ToList() is { Count: > 0 } parts)
            Replace(chosen, parts[random.Next(parts.Count)].DeepClone());
        else if (random.Next(5) == 0 && chosen.Parent is JsonObject parent)
            parent.Remove(chosen.GetPropertyName());
        else if (random.Next(5) == 0 && chosen.Parent is JsonArray list)
            list.Add(chosen.DeepClone());
        else if (random.Next(8) == 0 && chosen is JsonValue)
            Replace(chosen, JsonValue.Create(ByteMutator.Number(random)));
        else
            Replace(chosen, JsonNode.Parse(Values[random.Next(Values.Length)]));
        return Write(root) ?? input;
    }

    private static JsonNode? Parse(byte[] text)
    {
        try
        {
            var root = JsonNode.Parse(text);
            _ = root is null ? 0 : Below(root).Count();
            return root;
        }
        catch (Exception e) when (e is JsonException or ArgumentException or InvalidOperationException)
        {
            return null;
        }
    }

    private static byte[]? Write(JsonNode root)
    {
        try
        {
            return Encoding.UTF8.GetBytes(root.ToJsonString());
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            return null;
        }
    }

    private static void Replace(JsonNode node, JsonNode? by)
    {
        if (node.Parent is JsonObject parent) parent[node.GetPropertyName()] = by;
        else if (node.Parent is JsonArray list) list[node.GetElementIndex()] = by;
    }

    private static IEnumerable<JsonNode> Below(JsonNode node)
    {
        var children = node switch
        {
            JsonObject fields => fields.Select(field => field.Value),
            JsonArray items => items,
            _ => [],
        };
        foreach (var child in children)
        {
            if (child is null) continue;
            yield return child;
            foreach (var deeper in Below(child)) yield return deeper;
        }
    }
}
