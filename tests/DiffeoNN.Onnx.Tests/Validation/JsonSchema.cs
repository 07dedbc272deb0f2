using System.Text.Json;

namespace DiffeoNN.Onnx.Tests.Validation;

/// <summary>As much of JSON schema as the report's schema uses; a keyword that it does not know is an error, not passed over.</summary>
internal sealed class JsonSchema(JsonElement root)
{
    private static readonly HashSet<string> Annotations = ["$schema", "$defs", "title", "description"];

    /// <summary>What is wrong with a document; empty where nothing is.</summary>
    public IEnumerable<string> Errors(JsonElement document) => Errors(root, document, "$");

    private IEnumerable<string> Errors(JsonElement schema, JsonElement value, string path) =>
        schema.EnumerateObject().Where(keyword => !Annotations.Contains(keyword.Name)).SelectMany(keyword => Errors(schema, keyword, value, path));

    private IEnumerable<string> Errors(JsonElement schema, JsonProperty keyword, JsonElement value, string path)
    {
        var rule = keyword.Value;
        switch (keyword.Name)
        {
            case "$ref":
                return Errors(root.GetProperty("$defs").GetProperty(rule.GetString()!["#/$defs/".Length..]), value, path);
            case "type":
                var types = rule.ValueKind == JsonValueKind.Array ? [.. rule.EnumerateArray().Select(type => type.GetString()!)] : new[] { rule.GetString()! };
                return Require(types.Any(type => Is(value, type)), $"{path} is {value.ValueKind}; expected {string.Join(" or ", types)}");
            case "const":
                return Require(JsonElement.DeepEquals(rule, value), $"{path} is {value}; expected {rule}");
            case "enum":
                return Require(rule.EnumerateArray().Any(allowed => JsonElement.DeepEquals(allowed, value)), $"{path} is {value}; expected one of {rule}");
            case "anyOf":
                return Require(rule.EnumerateArray().Any(option => !Errors(option, value, path).Any()), $"{path} fits none of {rule.GetArrayLength()} forms");
            case "minimum":
                return Require(value.GetDouble() >= rule.GetDouble(), $"{path} is {value}; expected at least {rule}");
            case "minItems":
                return Require(value.GetArrayLength() >= rule.GetInt32(), $"{path} has too few items");
            case "maxItems":
                return Require(value.GetArrayLength() <= rule.GetInt32(), $"{path} has too many items");
            case "items":
                return value.ValueKind != JsonValueKind.Array ? [] : value.EnumerateArray().SelectMany((item, i) => Errors(rule, item, $"{path}[{i}]"));
            case "required":
                return rule.EnumerateArray().Where(name => !value.TryGetProperty(name.GetString()!, out _)).Select(name => $"{path} lacks {name}");
            case "properties":
                return rule.EnumerateObject().SelectMany(property =>
                    value.TryGetProperty(property.Name, out var found) ? Errors(property.Value, found, $"{path}.{property.Name}") : []);
            case "additionalProperties":
                var known = schema.TryGetProperty("properties", out var properties) ? properties.EnumerateObject().Select(property => property.Name).ToHashSet() : [];
                var others = value.EnumerateObject().Where(property => !known.Contains(property.Name));
                return rule.ValueKind == JsonValueKind.False
                    ? others.Select(property => $"{path} has {property.Name}, which the schema does not know")
                    : others.SelectMany(property => Errors(rule, property.Value, $"{path}.{property.Name}"));
            default:
                return [$"the schema has the keyword {keyword.Name}, which this check does not know"];
        }
    }

    private static IEnumerable<string> Require(bool holds, string error) => holds ? [] : [error];

    private static bool Is(JsonElement value, string type) => type switch
    {
        "object" => value.ValueKind == JsonValueKind.Object,
        "array" => value.ValueKind == JsonValueKind.Array,
        "string" => value.ValueKind == JsonValueKind.String,
        "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
        "null" => value.ValueKind == JsonValueKind.Null,
        "integer" => value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out _),
        "number" => value.ValueKind == JsonValueKind.Number,
        _ => throw new ArgumentException($"Unknown type {type}."),
    };
}
