using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using System.Text.Unicode;
using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Bundles;

/// <summary>The contents of a bundle's <c>diffeonn.json</c>, schema 1.</summary>
public sealed record BundleManifest
{
    /// <summary>The schema this version reads and writes.</summary>
    public const int CurrentSchema = 1;

    /// <summary>The manifest's name in a bundle's folder.</summary>
    public const string FileName = "diffeonn.json";

    private static readonly JsonSerializerOptions WriterOptions = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        WriteIndented = true,
        NewLine = "\n",
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
        TypeInfoResolver = new DefaultJsonTypeInfoResolver { Modifiers = { WriteOneOutputOrSeveral } },
    };

    /// <summary>Version of the manifest's format.</summary>
    public int Schema { get; init; } = CurrentSchema;

    /// <summary>Short name, not empty.</summary>
    public required string Name { get; init; }

    /// <summary>One sentence.</summary>
    public string? Description { get; init; }

    /// <summary>Licence of weights and reference tensors.</summary>
    public string? Licence { get; init; }

    /// <summary>The images the networks expect.</summary>
    public required ImageSpec Image { get; init; }

    /// <summary>The networks.</summary>
    public required BundleModels Models { get; init; }

    /// <summary>What the bundle says of its searches: the weights of the energies there are, and what else it wants;
    /// <c>energy</c>, <c>optimiser</c> and <c>acceptance</c> in the file.</summary>
    [JsonIgnore]
    public SearchSpec Search { get; init; } = new();

    [JsonInclude]
    private JsonObject? Energy => ManifestSearch.Write(Search, SearchSection.Energy, Models.HasEnergy);

    [JsonInclude]
    private JsonObject? Optimiser => ManifestSearch.Write(Search, SearchSection.Optimiser);

    [JsonInclude]
    private JsonObject? Acceptance => ManifestSearch.Write(Search, SearchSection.Acceptance);

    /// <summary>Folders with reference tensors, relative to the bundle's.</summary>
    public IReadOnlyList<string> References { get; init; } = [];

    /// <summary>Where the networks come from.</summary>
    public Provenance? Provenance { get; init; }

    /// <summary>Reads a manifest.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="BundleException">It is missing, no JSON, or not a manifest; the message names the field.</exception>
    public static BundleManifest Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        byte[] json;
        try
        {
            json = RegularFile.ReadAllBytes(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new BundleException(
                $"Bundle manifest '{path}' cannot be read: {(File.Exists(path) ? error.Message : "no such file")}.", error);
        }

        return Parse(json, path);
    }

    /// <summary>Parses a manifest and checks everything that can be checked without its files.</summary>
    /// <param name="json">UTF-8 text.</param>
    /// <param name="source">What messages call it, usually the file's path.</param>
    /// <exception cref="BundleException">It is no JSON, or not a manifest; the message names the field.</exception>
    public static BundleManifest Parse(ReadOnlyMemory<byte> json, string source = FileName)
    {
        // Editors on Windows like to begin a file with the byte order mark, which JSON does not know.
        if (json.Span.StartsWith(Encoding.UTF8.Preamble)) json = json[Encoding.UTF8.Preamble.Length..];
        if (!Utf8.IsValid(json.Span)) throw new BundleException($"{source}: not UTF-8 text.");
        try
        {
            using var document = JsonDocument.Parse(json);
            return ManifestReader.Read(new ManifestNode(document.RootElement, "", source));
        }
        catch (JsonException error)
        {
            throw new BundleException(
                $"{source}: not valid JSON at line {error.LineNumber + 1}, byte {error.BytePositionInLine + 1}.", error);
        }
        catch (InvalidOperationException error)
        {
            // Half of a surrogate pair is valid in an escape and surfaces only when the string is read.
            throw new BundleException($"{source}: a string holds half of a surrogate pair.", error);
        }
    }

    /// <summary>The manifest as indented JSON, ending with a new line.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, WriterOptions) + "\n";

    private static void WriteOneOutputOrSeveral(JsonTypeInfo type)
    {
        if (type.Type != typeof(PredictorSpec)) return;
        foreach (var property in type.Properties)
        {
            property.ShouldSerialize = property.Name switch
            {
                "output" => static (spec, _) => ((PredictorSpec)spec).Further.Count == 0,
                "outputs" => static (spec, _) => ((PredictorSpec)spec).Further.Count > 0,
                "further" => static (_, _) => false,
                _ => property.ShouldSerialize,
            };
        }
    }

    /// <summary>Writes the manifest; a half-written file is never seen under its name.</summary>
    /// <param name="path">The file; replaced if it exists.</param>
    /// <exception cref="BundleException">The manifest would be refused when read.</exception>
    /// <exception cref="OutputException">The file cannot be written.</exception>
    public void Save(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var json = Encoding.UTF8.GetBytes(ToJson());
        _ = Parse(json, path);
        AtomicFile.Write(path, json);
    }
}
