using System.Text.Json;

namespace DiffeoNN.Onnx.Serving.Protocol;

/// <summary>Inputs and outputs of a request that is being read, and what is left of its binary part.</summary>
/// <param name="limits">How much may be sent.</param>
/// <param name="binary">The binary part; null where the request has none.</param>
internal sealed class InferenceParts(ProtocolLimits limits, ReadOnlyMemory<byte>? binary)
{
    private readonly int _binaryLength = binary?.Length ?? 0;
    private ReadOnlyMemory<byte>? _rest = binary;
    private long _elements;

    /// <summary>How much may be sent.</summary>
    public ProtocolLimits Limits => limits;

    /// <summary>Reads an input.</summary>
    public InferenceTensor ReadInput(ref Utf8JsonReader json)
    {
        string? name = null;
        DataType? type = null;
        List<long>? shape = null;
        var parameters = RequestParameters.None;
        // Values come before or after what tells how to read them: they are read last, from a copy of the reader.
        var hasData = false;
        Utf8JsonReader data = default;
        StrictJson.Expect(ref json, JsonTokenType.StartObject, "An input", "an object");
        var seen = new HashSet<string>(StringComparer.Ordinal);
        while (true)
        {
            StrictJson.Next(ref json);
            if (json.TokenType == JsonTokenType.EndObject) break;
            var member = json.GetString()!;
            if (!seen.Add(member)) throw ProtocolException.Invalid($"An input has two members '{StrictJson.Short(member)}'.");
            StrictJson.Next(ref json);
            switch (member)
            {
                case "name":
                    name = limits.CheckName(StrictJson.Text(ref json, "An input's 'name'"), "An input's 'name'");
                    break;
                case "datatype":
                    type = TypeOf(StrictJson.Text(ref json, "'datatype'"));
                    break;
                case "shape":
                    shape = StrictJson.Elements(
                        ref json, "'shape'", limits.Dimensions, (ref Utf8JsonReader json) => StrictJson.Whole(ref json, "A dimension"));
                    break;
                case "parameters" or "data" when json.TokenType == JsonTokenType.Null:
                    break;
                case "parameters":
                    parameters = InferenceRequestReader.ReadParameters(ref json, "An input", limits);
                    break;
                case "data":
                    hasData = true;
                    data = json;
                    json.Skip();
                    break;
                default:
                    throw StrictJson.Unknown("An input", member, "name, shape, datatype, parameters and data");
            }
        }

        if (name is null) throw Missing("An input", "name");
        var what = $"Input '{name}'";
        if (type is not { } known) throw Missing(what, "datatype");
        if (shape is null) throw Missing(what, "shape");
        var count = Count(what, shape);
        RefuseSharedMemory(what, parameters);
        if (parameters.All.ContainsKey("binary_data_size"))
        {
            if (hasData) throw ProtocolException.Invalid($"{what} has both 'data' and the parameter 'binary_data_size'; expected one.");
            return InferenceTensor.OfRaw(name, known, shape, Take(what, parameters.Whole("binary_data_size")!.Value));
        }

        if (!hasData) throw Missing(what, "data");
        return TensorJson.Read(ref data, name, known, shape, count);
    }

    /// <summary>Reads an output that is asked for.</summary>
    public RequestedOutput ReadOutput(ref Utf8JsonReader json)
    {
        string? output = null;
        var parameters = RequestParameters.None;
        StrictJson.Members(ref json, "An output", (ref Utf8JsonReader json, string name) =>
        {
            switch (name)
            {
                case "name":
                    output = limits.CheckName(StrictJson.Text(ref json, "An output's 'name'"), "An output's 'name'");
                    break;
                case "parameters" when json.TokenType == JsonTokenType.Null:
                    break;
                case "parameters":
                    parameters = InferenceRequestReader.ReadParameters(ref json, "An output", limits);
                    break;
                default:
                    throw StrictJson.Unknown("An output", name, "name and parameters");
            }
        });
        if (output is null) throw Missing("An output", "name");
        return Asked(output, parameters);
    }

    /// <summary>An output with what is said of it.</summary>
    public static RequestedOutput Asked(string output, RequestParameters parameters)
    {
        var what = $"Output '{output}'";
        RefuseSharedMemory(what, parameters);
        if (parameters.All.ContainsKey("classification"))
            throw new ProtocolException(ErrorKind.Unsupported,
                $"{what} is asked for by classification, which this server does not have; ask for the scores.");
        var (others, binary) = InferenceRequestReader.Without(parameters, "binary_data");
        return new RequestedOutput(output) { Parameters = others, Binary = binary };
    }

    /// <summary>Refuses what is left over.</summary>
    public void CheckEnd()
    {
        if (_rest is { Length: > 0 } rest)
            throw ProtocolException.Invalid(
                $"The binary part has {_binaryLength} bytes; the inputs' 'binary_data_size' name {_binaryLength - rest.Length}.");
    }

    /// <summary>The type of a word.</summary>
    public static DataType TypeOf(string word) => DataTypes.Parse(word)
        ?? throw ProtocolException.Invalid($"'datatype' is '{StrictJson.Short(word)}'; expected one of {DataTypes.Words}.");

    /// <summary>Number of elements of an input, counted with those of the others.</summary>
    public long Count(string what, IReadOnlyList<long> shape)
    {
        var count = TensorShape.Count(shape, what);
        if (count > limits.Elements - _elements)
            throw ProtocolException.TooLarge(
                $"{what} has shape {TensorShape.Text(shape)}; all inputs together may have {limits.Elements} elements.");
        _elements += count;
        return count;
    }

    /// <summary>Refuses tensors that lie in the memory of this machine.</summary>
    public static void RefuseSharedMemory(string what, RequestParameters parameters)
    {
        if (parameters.All.ContainsKey("shared_memory_region"))
            throw new ProtocolException(ErrorKind.Unsupported, $"{what} is in shared memory, which this server does not have.");
    }

    private ReadOnlyMemory<byte> Take(string what, long size)
    {
        if (_rest is not { } rest)
            throw ProtocolException.Invalid(
                $"{what} has the parameter 'binary_data_size', but the header Inference-Header-Content-Length is missing.");
        if (size > rest.Length)
            throw ProtocolException.Invalid($"{what} has {size} bytes in binary; only {rest.Length} are left in the body.");
        _rest = rest[(int)size..];
        return rest[..(int)size];
    }

    private static ProtocolException Missing(string what, string member) => ProtocolException.Invalid($"{what} has no '{member}'.");
}
