using System.Text.Json;

namespace DiffeoNN.Onnx.Serving.Protocol;

/// <summary>Reads inference requests of the Open Inference Protocol v2: JSON, alone or followed by tensors in binary.</summary>
/// <remarks>Strict: members that the protocol does not have are refused, so that a misspelt one is not passed over; <c>model_name</c> and
/// <c>model_version</c>, which some clients write though the path says them, are read over. Optional members may be null.</remarks>
public static class InferenceRequestReader
{
    private const string Request = "The request";

    /// <summary>Reads a request.</summary>
    /// <param name="body">All of it; tensors in binary refer to it.</param>
    /// <param name="jsonLength">Bytes of JSON at its beginning (<c>Inference-Header-Content-Length</c>); null where it is JSON throughout.
    /// </param>
    /// <param name="limits">The usual ones if null.</param>
    /// <exception cref="ProtocolException">The request is malformed, or too large.</exception>
    public static InferenceRequest Read(ReadOnlyMemory<byte> body, long? jsonLength = null, ProtocolLimits? limits = null)
    {
        limits ??= ProtocolLimits.Default;
        if (body.Length > limits.Bytes)
            throw ProtocolException.TooLarge($"The request has {body.Length} bytes; {limits.Bytes} are the most.");
        if (jsonLength < 0 || jsonLength > body.Length)
            throw ProtocolException.Invalid(
                $"The header Inference-Header-Content-Length says {jsonLength}; expected 0 to {body.Length}, the bytes of the body.");
        var length = (int)(jsonLength ?? body.Length);
        var parts = new InferenceParts(limits, jsonLength is null ? (ReadOnlyMemory<byte>?)null : body[length..]);
        return StrictJson.Read(body.Span[..length], (ref Utf8JsonReader json) => ReadRequest(ref json, parts));
    }

    private static InferenceRequest ReadRequest(ref Utf8JsonReader json, InferenceParts parts)
    {
        var limits = parts.Limits;
        var request = new InferenceRequest();
        List<InferenceTensor>? inputs = null;
        StrictJson.Members(ref json, Request, (ref Utf8JsonReader json, string name) =>
        {
            switch (name)
            {
                case "inputs":
                    inputs = StrictJson.Elements(ref json, "'inputs'", limits.Tensors, parts.ReadInput);
                    break;
                case "model_name" or "model_version":
                    json.Skip();
                    break;
                case "id" or "parameters" or "outputs" when json.TokenType == JsonTokenType.Null:
                    break;
                case "id":
                    request = request with { Id = limits.CheckText(StrictJson.Text(ref json, "'id'"), "'id'") };
                    break;
                case "parameters":
                    var (parameters, binary) = Without(ReadParameters(ref json, Request, limits), "binary_data_output");
                    request = request with { Parameters = parameters, BinaryOutput = binary ?? false };
                    break;
                case "outputs":
                    request = request with { Outputs = StrictJson.Elements(ref json, "'outputs'", limits.Tensors, parts.ReadOutput) };
                    break;
                default:
                    throw StrictJson.Unknown(Request, name, "id, parameters, inputs and outputs");
            }
        });
        if (inputs is not { Count: > 0 }) throw ProtocolException.Invalid("The request has no inputs; one at least is needed.");
        parts.CheckEnd();
        CheckDistinct(inputs.Select(input => input.Name), "inputs");
        CheckDistinct(request.Outputs.Select(output => output.Name), "outputs");
        return request with { Inputs = inputs };
    }

    /// <summary>Reads parameters.</summary>
    internal static RequestParameters ReadParameters(ref Utf8JsonReader json, string what, ProtocolLimits limits)
    {
        var values = new Dictionary<string, object>();
        StrictJson.Members(ref json, $"{what}'s parameters", (ref Utf8JsonReader json, string name) =>
        {
            ProtocolLimits.CheckCount(values.Count + 1, limits.Parameters, "parameters in one place");
            limits.CheckName(name, "A parameter's name");
            var value = json.TokenType switch
            {
                JsonTokenType.True => true,
                JsonTokenType.False => false,
                JsonTokenType.String => limits.CheckText(json.GetString()!, $"Parameter '{name}'"),
                JsonTokenType.Number => json.TryGetInt64(out var whole) ? (object)whole : json.GetDouble(),
                JsonTokenType.Null => null,
                _ => throw ProtocolException.Invalid(
                    $"Parameter '{name}' is {StrictJson.Found(ref json)}; expected a text, a number, true or false."),
            };
            if (value is double number && !double.IsFinite(number))
                throw ProtocolException.Invalid($"Parameter '{name}' is {StrictJson.Found(ref json)}, which no number of 64 bits holds.");
            if (value is not null) values.Add(name, value);
        });
        return values.Count == 0 ? RequestParameters.None : new RequestParameters(values);
    }

    /// <summary>Takes a parameter that is true or false out of others.</summary>
    internal static (RequestParameters Others, bool? Value) Without(RequestParameters parameters, string name) =>
        parameters.Truth(name) is { } value
            ? (new RequestParameters(parameters.All.Where(pair => pair.Key != name)), value)
            : (parameters, null);

    /// <summary>Refuses names that occur twice.</summary>
    internal static void CheckDistinct(IEnumerable<string> names, string what)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var name in names)
            if (!seen.Add(name)) throw ProtocolException.Invalid($"The request has two {what} '{name}'.");
    }
}
