using System.Text.Json;
using Json.Schema;

namespace DiffeoNN.Onnx.Tests.Validation;

/// <summary>Documents against a JSON schema, and the schema against the rules of its draft.</summary>
/// <param name="text">The schema.</param>
internal sealed class SchemaCheck(string text)
{
    private static readonly EvaluationOptions AsList = new() { OutputFormat = OutputFormat.List };

    private readonly JsonSchema _schema = JsonSchema.FromText(text);

    /// <summary>What is wrong with a document; empty where nothing is.</summary>
    public List<string> Errors(JsonElement document) => Errors(_schema, document);

    /// <summary>What is wrong with a schema itself by draft 2020-12.</summary>
    public static List<string> ErrorsOfSchema(string text)
    {
        using var schema = JsonDocument.Parse(text);
        return Errors(MetaSchemas.Draft202012, schema.RootElement);
    }

    private static List<string> Errors(JsonSchema schema, JsonElement document)
    {
        var results = schema.Evaluate(document, AsList);
        if (results.IsValid) return [];
        var failed = (results.Details ?? []).Where(detail => !detail.IsValid);
        List<string> errors = [.. failed.SelectMany(detail =>
            (detail.Errors ?? []).Select(error => $"{detail.InstanceLocation}: {error.Value}"))];
        return errors.Count > 0 ? errors : ["the document does not fit"];
    }
}
