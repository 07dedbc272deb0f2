using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace DiffeoNN.Onnx.Client;

/// <summary>Reads what servers answer; what does not fit together is a <see cref="FormatException"/>.</summary>
internal static class AnswerReader
{
    private const int MostOfAText = 300;

    /// <summary>An answer to a request for inference, all of whose tensors are in binary.</summary>
    public static TensorAnswer Tensors(HttpResponseHeaders headers, ReadOnlyMemory<byte> body)
    {
        if (!headers.TryGetValues(RequestBody.HeaderLength, out var values)
            || !int.TryParse(values.First(), NumberStyles.None, CultureInfo.InvariantCulture, out var length) || length > body.Length)
        {
            throw new FormatException($"the header {RequestBody.HeaderLength} is missing or wrong: the server lacks binary tensors");
        }

        var (head, rest) = (body[..length], body[length..]);
        var tensors = new List<WireTensor>();
        return Read(head, root =>
        {
            foreach (var output in root.GetProperty("outputs").EnumerateArray())
            {
                var name = output.GetProperty("name").GetString()!;
                var size = output.GetProperty("parameters").GetProperty("binary_data_size").GetInt32();
                if (size < 0 || size > rest.Length) throw new FormatException($"'{name}' has {size} bytes; {rest.Length} are left");
                tensors.Add(WireTensor.OfAnswer(name, output.GetProperty("datatype").GetString()!, Shape(output), rest[..size]));
                rest = rest[size..];
            }

            if (rest.Length > 0) throw new FormatException($"{rest.Length} bytes belong to no output");
            var isBest = root.TryGetProperty("parameters", out var said) && said.TryGetProperty("best_at_deadline", out var best)
                && best.GetBoolean();
            return new TensorAnswer(root.GetProperty("model_name").GetString()!, Optional(root, "model_version"), tensors, isBest);
        });
    }

    /// <summary>What a model says of itself.</summary>
    public static ModelDescription Model(ReadOnlyMemory<byte> body) => Read(body, root => new ModelDescription(
        root.GetProperty("name").GetString()!,
        root.TryGetProperty("versions", out var versions) ? [.. versions.EnumerateArray().Select(version => version.GetString()!)] : [],
        Optional(root, "platform"), TensorsOf(root, "inputs"), TensorsOf(root, "outputs")));

    /// <summary>What an answer that is an error says.</summary>
    public static string Error(ReadOnlyMemory<byte> body, string fallback)
    {
        try
        {
            using var json = JsonDocument.Parse(body);
            if (json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.TryGetProperty("error", out var error)
                && error.ValueKind == JsonValueKind.String)
            {
                return error.GetString()!;
            }
        }
        catch (JsonException)
        {
            // A proxy's page, for example.
        }

        var text = Encoding.UTF8.GetString(body.Span).Trim();
        return text.Length == 0 ? fallback : text.Length <= MostOfAText ? text : $"{text[..MostOfAText]}...";
    }

    private static T Read<T>(ReadOnlyMemory<byte> body, Func<JsonElement, T> read)
    {
        try
        {
            using var json = JsonDocument.Parse(body);
            return read(json.RootElement);
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or OverflowException)
        {
            throw new FormatException($"its JSON is not the protocol's: {error.Message}", error);
        }
    }

    private static List<TensorDescription> TensorsOf(JsonElement root, string name) =>
        [.. root.GetProperty(name).EnumerateArray().Select(tensor => new TensorDescription(
            tensor.GetProperty("name").GetString()!, tensor.GetProperty("datatype").GetString()!, Shape(tensor)))];

    private static List<int> Shape(JsonElement tensor) =>
        [.. tensor.GetProperty("shape").EnumerateArray().Select(size => size.GetInt32())];

    private static string Optional(JsonElement root, string name) => root.TryGetProperty(name, out var text) ? text.GetString() ?? "" : "";
}
