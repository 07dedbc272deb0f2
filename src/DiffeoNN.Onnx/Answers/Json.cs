using System.Text.Json.Nodes;

namespace DiffeoNN.Onnx.Answers;

/// <summary>Numbers in JSON; those that are not finite are null.</summary>
internal static class Json
{
    /// <summary>A number.</summary>
    public static JsonNode? Finite(double value) => double.IsFinite(value) ? JsonValue.Create(value) : null;

    /// <summary>An array of numbers.</summary>
    public static JsonArray Array(IEnumerable<float> values) => new([.. values.Select(value => Finite(value))]);
}
