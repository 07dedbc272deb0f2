using DiffeoNN.Onnx.Gradients.Proto;
using Google.Protobuf;

namespace DiffeoNN.Onnx.Gradients;

/// <summary>An ONNX model: a graph, the operator sets it uses, and its own functions.</summary>
public sealed class OnnxModel
{
    /// <summary>Version of the file format.</summary>
    public long IrVersion { get; set; } = 8;

    /// <summary>What made the model.</summary>
    public string ProducerName { get; set; } = "";

    /// <summary>Version of what made the model.</summary>
    public string ProducerVersion { get; set; } = "";

    /// <summary>What the model is, for people; may be empty.</summary>
    public string DocString { get; set; } = "";

    /// <summary>Operator set versions by domain; the empty domain is ai.onnx.</summary>
    public SortedDictionary<string, long> OpsetImports { get; } = new(StringComparer.Ordinal);

    /// <summary>The graph.</summary>
    public OnnxGraph Graph { get; set; } = new();

    /// <summary>Model-local functions.</summary>
    public List<OnnxFunction> Functions { get; } = [];

    /// <summary>Free text about the model, by key.</summary>
    public SortedDictionary<string, string> Metadata { get; } = new(StringComparer.Ordinal);

    /// <summary>Version of the ai.onnx operator set.</summary>
    /// <exception cref="OnnxModelException">The model does not import it.</exception>
    public int Opset => OpsetImports.TryGetValue("", out var version) && version is > 0 and < 1000 ? (int)version
        : throw new OnnxModelException("The model imports no version of the ai.onnx operator set.");

    /// <summary>Reads a model from a file, with the external data beside it; nodes come out in an order in which they can run.</summary>
    /// <param name="path">The .onnx file.</param>
    /// <exception cref="OnnxModelException">The file is no ONNX model, contradicts itself,
    /// or its external data is missing or outside its folder.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static OnnxModel Load(string path)
    {
        try
        {
            if (new FileInfo(path) is { Exists: true, Length: var length } && length > int.MaxValue)
                throw new OnnxModelException(
                    $"The file has {length} bytes; the format holds at most 2 GB and puts more into external data.");
            return Read(File.ReadAllBytes(path), Path.GetDirectoryName(Path.GetFullPath(path)));
        }
        catch (OnnxModelException e)
        {
            throw new OnnxModelException($"Model '{Path.GetFileName(path)}': {e.Message}", e);
        }
    }

    /// <summary>Reads a model from the bytes of a file.</summary>
    /// <param name="bytes">The file's content.</param>
    /// <exception cref="OnnxModelException">The bytes are no ONNX model, contradict themselves, or refer to external data.</exception>
    public static OnnxModel Parse(ReadOnlySpan<byte> bytes) => Read(bytes, null);

    /// <summary>
    /// Writes the model. Tensors that were read from files in the same folder are referred to there; where the others take more than
    /// one gigabyte, all but the small ones go to "NAME.data" beside the model.
    /// </summary>
    /// <param name="path">The .onnx file; replaced if it exists, and left as it was if writing fails.</param>
    /// <exception cref="IOException">A file cannot be written.</exception>
    /// <exception cref="OnnxModelException">External data that the model was read with has become unreadable.</exception>
    public void Save(string path) => ModelSaver.Save(this, path);

    /// <summary>Writes the model with its larger tensors in "NAME.data" beside it; these two files need no other.</summary>
    /// <param name="path">The .onnx file; replaced if it exists, and left as it was if writing fails.</param>
    /// <param name="threshold">Tensors of at least this many bytes go to the data file.</param>
    /// <exception cref="IOException">A file cannot be written.</exception>
    /// <exception cref="OnnxModelException">External data that the model was read with has become unreadable.</exception>
    public void SaveWithExternalData(string path, int threshold) => ModelSaver.Save(this, path, threshold, keepReferences: false);

    /// <summary>The bytes of the model as one file holds them.</summary>
    /// <exception cref="OnnxModelException">They are more than the format's 2 GB; <see cref="Save"/> uses a second file.</exception>
    public byte[] ToBytes() => ModelSaver.ToBytes(this);

    /// <summary>A copy that shares only immutable parts (tensors).</summary>
    public OnnxModel Copy()
    {
        var result = new OnnxModel
        {
            IrVersion = IrVersion, ProducerName = ProducerName, ProducerVersion = ProducerVersion, DocString = DocString,
            Graph = Graph.Copy(),
        };
        foreach (var (domain, version) in OpsetImports)
            result.OpsetImports[domain] = version;
        foreach (var (key, value) in Metadata)
            result.Metadata[key] = value;
        result.Functions.AddRange(Functions);
        return result;
    }

    internal static string NormaliseDomain(string domain) => domain == "ai.onnx" ? "" : domain;

    private static OnnxModel Read(ReadOnlySpan<byte> bytes, string? folder)
    {
        try
        {
            var model = new ModelReader(new ExternalData(folder)).Read(ModelProto.Parser.ParseFrom(bytes));
            ModelValidator.Check(model, OperatorSet.Standard);
            model.Graph.Sort();
            return model;
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new OnnxModelException($"The {bytes.Length} bytes are no ONNX model: {e.Message}", e);
        }
        catch (Exception e) when (GradientDefectException.IsDefect(e))
        {
            throw new GradientDefectException($"reading {bytes.Length} bytes", e);
        }
    }
}
