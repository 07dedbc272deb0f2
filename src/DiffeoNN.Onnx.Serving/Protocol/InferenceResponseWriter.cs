using System.Buffers;
using System.Text.Json;

namespace DiffeoNN.Onnx.Serving.Protocol;

/// <summary>Writes inference responses of the Open Inference Protocol v2: JSON, alone or followed by tensors in binary.</summary>
public static class InferenceResponseWriter
{
    /// <summary>Writes a response.</summary>
    /// <param name="response">What the model answered.</param>
    /// <param name="request">Says which outputs come in binary.</param>
    /// <param name="body">Where to.</param>
    /// <returns>Bytes of JSON at the beginning (<c>Inference-Header-Content-Length</c>); null where it is JSON throughout.</returns>
    /// <remarks>Numbers that are not finite are null in JSON, which has no word for them.</remarks>
    /// <exception cref="ProtocolException">An output in JSON holds bytes that are no text.</exception>
    public static int? Write(InferenceResponse response, InferenceRequest request, IBufferWriter<byte> body)
    {
        ArgumentNullException.ThrowIfNull(response);
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(body);
        var binary = new List<ReadOnlyMemory<byte>>();
        using var json = new Utf8JsonWriter(body, ProtocolJson.Options);
        json.WriteStartObject();
        json.WriteString("model_name", response.Model);
        json.WriteString("model_version", response.Version);
        if (response.Id.Length > 0) json.WriteString("id", response.Id);
        if (response.Parameters.All.Count > 0) ProtocolJson.WriteParameters(json, response.Parameters);
        json.WriteStartArray("outputs");
        foreach (var output in response.Outputs)
        {
            json.WriteStartObject();
            json.WriteString("name", output.Name);
            json.WriteString("datatype", output.Type.Word());
            ProtocolJson.WriteShape(json, output.Shape);
            if (request.IsBinary(output.Name))
            {
                binary.Add(output.ToRaw());
                json.WriteStartObject("parameters");
                json.WriteNumber("binary_data_size", binary[^1].Length);
                json.WriteEndObject();
            }
            else
            {
                json.WritePropertyName("data");
                TensorJson.Write(json, output);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.Flush();
        foreach (var data in binary) body.Write(data.Span);
        return binary.Count > 0 ? (int)json.BytesCommitted : null;
    }
}
