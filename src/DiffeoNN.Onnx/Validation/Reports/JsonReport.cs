using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Validation.Reports;

/// <summary>Writes a validation report as JSON; its schema is <see cref="SchemaText"/>.</summary>
public static class JsonReport
{
    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        // JSON has no infinity and no NaN: they are written as the texts "Infinity", "-Infinity" and "NaN".
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        WriteIndented = true,
        NewLine = "\n",
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    /// <summary>The JSON schema (draft 2020-12) of what is written.</summary>
    public static string SchemaText
    {
        get
        {
            using var stream = typeof(JsonReport).Assembly.GetManifestResourceStream("validation-report.schema.json")!;
            using var reader = new StreamReader(stream);
            return reader.ReadToEnd();
        }
    }

    /// <summary>The report as indented JSON, ending with a new line.</summary>
    /// <param name="report">The report.</param>
    public static string ToJson(ValidationReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        var root = JsonSerializer.SerializeToNode(report, Options)!.AsObject();
        root.Insert(0, "schema", ValidationReport.Schema);
        return root.ToJsonString(Options) + "\n";
    }

    /// <summary>Writes the report.</summary>
    /// <param name="report">The report.</param>
    /// <param name="path">The file; replaced if it exists.</param>
    /// <exception cref="OutputException">The file cannot be written.</exception>
    public static void Save(ValidationReport report, string path) => AtomicFile.WriteText(path, ToJson(report));
}
