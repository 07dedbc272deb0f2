using System.Buffers;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;

namespace DiffeoNN.Onnx.Client;

/// <summary>Bodies of requests: JSON, and the tensors behind it in binary.</summary>
internal static class RequestBody
{
    /// <summary>Says how long the JSON is.</summary>
    public const string HeaderLength = "Inference-Header-Content-Length";

    /// <summary>A request for inference.</summary>
    public static HttpContent Of(IReadOnlyList<WireTensor> inputs, RequestSettings settings)
    {
        var body = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            json.WriteStartArray("inputs");
            foreach (var input in inputs)
            {
                json.WriteStartObject();
                json.WriteString("name", input.Name);
                json.WriteString("datatype", input.Datatype);
                json.WriteStartArray("shape");
                foreach (var size in input.Shape) json.WriteNumberValue(size);
                json.WriteEndArray();
                json.WriteStartObject("parameters");
                json.WriteNumber("binary_data_size", input.Data.Length);
                json.WriteEndObject();
                json.WriteEndObject();
            }

            json.WriteEndArray();
            if (settings.Outputs is { } outputs)
            {
                json.WriteStartArray("outputs");
                foreach (var output in outputs)
                {
                    json.WriteStartObject();
                    json.WriteString("name", output);
                    json.WriteStartObject("parameters");
                    json.WriteBoolean("binary_data", true);
                    json.WriteEndObject();
                    json.WriteEndObject();
                }

                json.WriteEndArray();
            }

            WriteParameters(json, settings);
            json.WriteEndObject();
        }

        var length = body.WrittenCount;
        foreach (var input in inputs) body.Write(input.Data.Span);
        var content = new ReadOnlyMemoryContent(body.WrittenMemory);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        content.Headers.Add(HeaderLength, length.ToString(CultureInfo.InvariantCulture));
        return content;
    }

    private static void WriteParameters(Utf8JsonWriter json, RequestSettings settings)
    {
        json.WriteStartObject("parameters");
        json.WriteBoolean("binary_data_output", true);
        if (settings.Steps is { } steps) json.WriteNumber("steps", steps);
        if (settings.Seed is { } seed) json.WriteNumber("seed", seed);
        if (settings.Start is { } start) json.WriteString("start", start);
        if (settings.Passes is { } passes) json.WriteNumber("passes", passes);
        if (settings.Accept is { } accept) json.WriteString("accept", accept);
        if (settings.Timeout is { } timeout) json.WriteNumber("timeout", Math.Max(1, (long)timeout.TotalMicroseconds));
        if (settings.TakesBestAtTimeout) json.WriteString("on_timeout", "best");
        if (settings.Priority is { } priority) json.WriteNumber("priority", priority);
        json.WriteEndObject();
    }
}
