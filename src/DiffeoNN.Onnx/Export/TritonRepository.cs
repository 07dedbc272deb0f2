using System.Globalization;
using System.Text;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Export;

/// <summary>Writes exported files as Triton's model repositories have them: <c>NAME/config.pbtxt</c>, <c>NAME/1/model.onnx</c>.</summary>
/// <remarks>The same folder is one that <c>diffeonn serve</c> serves.</remarks>
public static class TritonRepository
{
    /// <summary>The configuration's name in a model's folder.</summary>
    public const string ConfigurationFile = "config.pbtxt";

    /// <summary>The name of the file of class names in the folder of a model that classifies whole images.</summary>
    public const string LabelsFile = "labels.txt";

    /// <summary>How many images Triton puts into one batch at most, unless told otherwise.</summary>
    public const int UsualBatch = 32;

    // How long requests wait for others, in microseconds: little beside the time of one image.
    private const int Delay = 1000;

    private const string ModelFile = "model.onnx";

    /// <summary>Writes a model's folder, as version 1, or as the one after the highest that is there: versions that may be served stay as
    /// they are. The configuration is replaced.</summary>
    /// <param name="repository">The repository's folder, made where it is not there.</param>
    /// <param name="name">The model's name.</param>
    /// <param name="model">The model.</param>
    /// <param name="largestBatch">How many images Triton puts into one batch at most, from 1 on.</param>
    /// <returns>The model's folder.</returns>
    /// <exception cref="ExportException">The name is no name of a folder, or a value has a type or shape that the configuration cannot
    /// tell.</exception>
    /// <exception cref="OutputException">A file cannot be written.</exception>
    public static string Write(string repository, string name, OnnxModel model, int largestBatch = UsualBatch)
    {
        ArgumentException.ThrowIfNullOrEmpty(repository);
        var configuration = Configuration(name, model, largestBatch);
        var folder = Path.Combine(repository, name);
        if (File.Exists(Path.Combine(folder, BundleManifest.FileName)))
        {
            throw new OutputException(
                $"'{folder}' is a bundle, which servers would serve instead of the export; choose another folder for the repository.");
        }

        string version;
        try
        {
            if (new[] { repository, folder }.FirstOrDefault(File.Exists) is { } file)
                throw new OutputException($"'{file}' is a file; expected a folder, or a place for one.");
            Directory.CreateDirectory(folder);
            version = Path.Combine(folder, $"{Directory.EnumerateDirectories(folder).Select(VersionOf).Append(0).Max() + 1}");
            Directory.CreateDirectory(version);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OutputException($"Cannot make folder '{folder}': {e.Message}", e);
        }

        model.Save(Path.Combine(version, ModelFile));
        AtomicFile.WriteText(Path.Combine(folder, ConfigurationFile), configuration);
        if (Labels(model) is { } labels)
            AtomicFile.WriteText(Path.Combine(folder, LabelsFile), labels + "\n");
        return folder;
    }

    /// <summary>The text of a model's configuration.</summary>
    /// <param name="name">The model's name: letters, digits, dots, dashes and underscores of ASCII.</param>
    /// <param name="model">The model: one that takes batches (its first dimension a symbol), or a single photo.</param>
    /// <param name="largestBatch">How many images Triton puts into one batch at most, from 1 on.</param>
    /// <exception cref="ExportException">The name is no name of a folder, or a value has a type or shape that the configuration cannot
    /// tell.</exception>
    public static string Configuration(string name, OnnxModel model, int largestBatch = UsualBatch)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(model);
        ArgumentOutOfRangeException.ThrowIfLessThan(largestBatch, 1);
        if (name[0] == '.' || !name.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '.' or '-' or '_'))
            throw new ExportException(
                $"'{name}' cannot be a model's name in a repository; expected letters, digits, dashes, underscores and dots, no dot first. "
                + "Change the bundle's name in its manifest.");
        var isBatch = model.Metadata.GetValueOrDefault(ExportTexts.InputKey) != "photo";
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"name: \"{name}\"");
        text.AppendLine("platform: \"onnxruntime_onnx\"");
        text.AppendLine("backend: \"onnxruntime\"");
        text.AppendLine(CultureInfo.InvariantCulture, $"default_model_filename: \"{ModelFile}\"");
        // With 0 there is no batch, and dims are the whole shape; else they lack the first dimension.
        text.AppendLine(CultureInfo.InvariantCulture, $"max_batch_size: {(isBatch ? largestBatch : 0)}");
        Values(text, "input", model.Graph.Inputs, isBatch, null);
        Values(text, "output", model.Graph.Outputs, isBatch, Labels(model) is null ? null : ModelExporter.NameOf(ExportOutput.Answer));
        if (isBatch)
            text.AppendLine(CultureInfo.InvariantCulture, $"dynamic_batching {{\n  max_queue_delay_microseconds: {Delay}\n}}");
        return text.Replace("\r\n", "\n").ToString();
    }

    private static long VersionOf(string folder) => long.TryParse(
        Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var version) ? version : 0;

    private static void Values(StringBuilder text, string field, IReadOnlyList<OnnxValueInfo> values, bool isBatch, string? labelled)
    {
        text.AppendLine(CultureInfo.InvariantCulture, $"{field} [");
        for (var i = 0; i < values.Count; i++)
        {
            var value = values[i];
            text.AppendLine("  {");
            text.AppendLine(CultureInfo.InvariantCulture, $"    name: \"{value.Name}\"");
            text.AppendLine(CultureInfo.InvariantCulture, $"    data_type: {TypeOf(value)}");
            var dims = (value.Shape ?? throw Unknown(value)).Skip(isBatch ? 1 : 0).Select(size => size.Size ?? -1);
            text.AppendLine(CultureInfo.InvariantCulture, $"    dims: [ {string.Join(", ", dims)} ]");
            if (value.Name == labelled) text.AppendLine(CultureInfo.InvariantCulture, $"    label_filename: \"{LabelsFile}\"");
            text.AppendLine(i + 1 < values.Count ? "  }," : "  }");
        }

        text.AppendLine("]");
    }

    private static string TypeOf(OnnxValueInfo value) => "TYPE_" + value.ElementType switch
    {
        OnnxElementType.Float => "FP32",
        OnnxElementType.UInt8 => "UINT8",
        OnnxElementType.Bool => "BOOL",
        _ => throw Unknown(value),
    };

    private static ExportException Unknown(OnnxValueInfo value) => new(
        $"A configuration for Triton cannot tell of {value}; expected float32, uint8 or bool of known rank, as exported files have.");

    // One a line, where an answer is a score for each of them: servers name the class of the largest.
    private static string? Labels(OnnxModel model) =>
        model.Graph.Outputs.FirstOrDefault(output => output.Name == ModelExporter.NameOf(ExportOutput.Answer)) is
            { Shape: [_, { Size: > 1 or null }] } ? model.Metadata.GetValueOrDefault(ExportTexts.ClassesKey) : null;
}
