using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace DiffeoNN.Onnx.Serving.Protocol;

/// <summary>All bodies of the protocol in JSON but those of inference.</summary>
public static class ProtocolJson
{
    /// <summary>Bodies are no HTML: apostrophes of messages stay what they are.</summary>
    internal static JsonWriterOptions Options { get; } = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The body of an error.</summary>
    /// <param name="message">What happened.</param>
    public static byte[] Error(string message) => Write(json =>
    {
        json.WriteStartObject();
        json.WriteString("error", message);
        json.WriteEndObject();
    });

    /// <summary>What the server says of itself.</summary>
    /// <param name="server">This.</param>
    public static byte[] Write(ServerMetadata server)
    {
        ArgumentNullException.ThrowIfNull(server);
        return Write(json =>
        {
            json.WriteStartObject();
            json.WriteString("name", server.Name);
            json.WriteString("version", server.Version);
            WriteTexts(json, "extensions", server.Extensions);
            json.WriteEndObject();
        });
    }

    /// <summary>What a model says of itself.</summary>
    /// <param name="model">This.</param>
    public static byte[] Write(ModelMetadata model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return Write(json =>
        {
            json.WriteStartObject();
            json.WriteString("name", model.Name);
            WriteTexts(json, "versions", model.Versions);
            json.WriteString("platform", model.Platform);
            WriteTensors(json, "inputs", "datatype", "shape", model.Inputs, type => type.Word(), withLabels: false);
            WriteTensors(json, "outputs", "datatype", "shape", model.Outputs, type => type.Word(), withLabels: false);
            json.WriteEndObject();
        });
    }

    /// <summary>That a model takes requests.</summary>
    /// <param name="model">Its name.</param>
    public static byte[] WriteReady(string model) => Write(json =>
    {
        json.WriteStartObject();
        json.WriteString("name", model);
        json.WriteBoolean("ready", true);
        json.WriteEndObject();
    });

    /// <summary>A model's configuration, as far as it has one: name, platform, batch, tensors with all their dimensions, and, which is
    /// ours, the labels of those that have some.</summary>
    /// <param name="model">What the model says of itself.</param>
    public static byte[] WriteConfig(ModelMetadata model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return Write(json =>
        {
            json.WriteStartObject();
            json.WriteString("name", model.Name);
            json.WriteString("platform", model.Platform);
            json.WriteString("backend", "diffeonn");
            // Dimensions below include the batch, which by this number's rules means 0.
            json.WriteNumber("max_batch_size", 0);
            WriteTensors(json, "input", "data_type", "dims", model.Inputs, ConfigType, withLabels: true);
            WriteTensors(json, "output", "data_type", "dims", model.Outputs, ConfigType, withLabels: true);
            json.WriteEndObject();
        });
    }

    /// <summary>Statistics of versions.</summary>
    /// <param name="models">One a version.</param>
    public static byte[] Write(IEnumerable<ModelStatistics> models)
    {
        ArgumentNullException.ThrowIfNull(models);
        return Write(json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("model_stats");
            foreach (var model in models)
            {
                json.WriteStartObject();
                json.WriteString("name", model.Name);
                json.WriteString("version", model.Version);
                json.WriteNumber("last_inference", model.LastInference);
                json.WriteNumber("inference_count", model.InferenceCount);
                json.WriteNumber("execution_count", model.ExecutionCount);
                json.WriteStartObject("inference_stats");
                WriteDuration(json, "success", model.Success);
                WriteDuration(json, "fail", model.Fail);
                WriteDuration(json, "queue", model.Queue);
                WriteDuration(json, "compute_input", default);
                WriteDuration(json, "compute_infer", model.Infer);
                WriteDuration(json, "compute_output", default);
                WriteDuration(json, "cache_hit", default);
                WriteDuration(json, "cache_miss", default);
                json.WriteEndObject();
                json.WriteStartArray("batch_stats");
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        });
    }

    /// <summary>The repository's index.</summary>
    /// <param name="models">One a version.</param>
    public static byte[] Write(IEnumerable<ModelStatus> models)
    {
        ArgumentNullException.ThrowIfNull(models);
        return Write(json =>
        {
            json.WriteStartArray();
            foreach (var model in models)
            {
                json.WriteStartObject();
                json.WriteString("name", model.Name);
                json.WriteString("version", model.Version);
                json.WriteString("state", model.StateWord);
                json.WriteString("reason", model.Reason);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        });
    }

    /// <summary>How much versions have to do; of ours, not of the protocol.</summary>
    /// <param name="models">One a version that takes requests.</param>
    public static byte[] Write(IEnumerable<ModelLoad> models)
    {
        ArgumentNullException.ThrowIfNull(models);
        return Write(json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("models");
            foreach (var model in models)
            {
                json.WriteStartObject();
                json.WriteString("name", model.Name);
                json.WriteString("version", model.Version);
                json.WriteNumber("waiting", model.Waiting);
                json.WriteNumber("running", model.Running);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        });
    }

    /// <summary>Reads the request for the repository's index.</summary>
    /// <param name="body">May be empty.</param>
    /// <returns>Whether only versions that are ready are asked for.</returns>
    /// <exception cref="ProtocolException">It is malformed.</exception>
    public static bool ReadIndexRequest(ReadOnlySpan<byte> body)
    {
        if (body.IsEmpty) return false;
        return StrictJson.Read(body, static (ref Utf8JsonReader json) =>
        {
            var ready = false;
            StrictJson.Members(ref json, "The request", (ref Utf8JsonReader json, string name) =>
            {
                if (name != "ready") throw StrictJson.Unknown("The request", name, "ready");
                ready = StrictJson.Truth(ref json, "'ready'");
            });
            return ready;
        });
    }

    /// <summary>Reads the request to load or unload a model.</summary>
    /// <param name="body">May be empty.</param>
    /// <returns>Its parameters.</returns>
    /// <exception cref="ProtocolException">It is malformed.</exception>
    public static RequestParameters ReadRepositoryRequest(ReadOnlySpan<byte> body)
    {
        if (body.IsEmpty) return RequestParameters.None;
        return StrictJson.Read(body, static (ref Utf8JsonReader json) =>
        {
            var parameters = RequestParameters.None;
            StrictJson.Members(ref json, "The request", (ref Utf8JsonReader json, string name) =>
            {
                if (name != "parameters") throw StrictJson.Unknown("The request", name, "parameters");
                if (json.TokenType != JsonTokenType.Null)
                    parameters = InferenceRequestReader.ReadParameters(ref json, "The request", ProtocolLimits.Default);
            });
            return parameters;
        });
    }

    /// <summary>A type as configurations have it.</summary>
    internal static string ConfigType(DataType type) => type == DataType.Bytes ? "TYPE_STRING" : $"TYPE_{type.Word()}";

    /// <summary>Writes parameters as a member.</summary>
    internal static void WriteParameters(Utf8JsonWriter json, RequestParameters parameters)
    {
        json.WriteStartObject("parameters");
        foreach (var (name, value) in parameters.All)
        {
            switch (value)
            {
                case bool truth: json.WriteBoolean(name, truth); break;
                case long whole: json.WriteNumber(name, whole); break;
                case double number when double.IsFinite(number): json.WriteNumber(name, number); break;
                case double: json.WriteNull(name); break;
                default: json.WriteString(name, (string)value); break;
            }
        }

        json.WriteEndObject();
    }

    /// <summary>Writes dimensions as a member.</summary>
    internal static void WriteShape(Utf8JsonWriter json, IReadOnlyList<long> shape, string name = "shape")
    {
        json.WriteStartArray(name);
        foreach (var size in shape) json.WriteNumberValue(size);
        json.WriteEndArray();
    }

    private static byte[] Write(Action<Utf8JsonWriter> write)
    {
        var body = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(body, Options)) write(json);
        return body.WrittenSpan.ToArray();
    }

    private static void WriteTexts(Utf8JsonWriter json, string name, IReadOnlyList<string> texts)
    {
        json.WriteStartArray(name);
        foreach (var text in texts) json.WriteStringValue(text);
        json.WriteEndArray();
    }

    private static void WriteTensors(
        Utf8JsonWriter json, string name, string typeName, string shapeName, IReadOnlyList<TensorMetadata> tensors,
        Func<DataType, string> word, bool withLabels)
    {
        json.WriteStartArray(name);
        foreach (var tensor in tensors)
        {
            json.WriteStartObject();
            json.WriteString("name", tensor.Name);
            json.WriteString(typeName, word(tensor.Type));
            WriteShape(json, tensor.Shape, shapeName);
            if (withLabels && tensor.Labels.Count > 0) WriteTexts(json, "labels", tensor.Labels);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteDuration(Utf8JsonWriter json, string name, DurationStatistic duration)
    {
        json.WriteStartObject(name);
        json.WriteNumber("count", duration.Count);
        json.WriteNumber("ns", duration.Nanoseconds);
        json.WriteEndObject();
    }
}
