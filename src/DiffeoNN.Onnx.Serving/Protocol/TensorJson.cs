using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace DiffeoNN.Onnx.Serving.Protocol;

/// <summary>Values of tensors as JSON: read flat or nested, written flat, row-major both.</summary>
/// <remarks>JSON has no word for NaN and infinities: they are written as null, which is not read.</remarks>
internal static class TensorJson
{
    private delegate T Element<out T>(ref Utf8JsonReader json);

    /// <summary>Reads a tensor.</summary>
    /// <param name="json">At the first token of its <c>data</c>; left at the last.</param>
    /// <param name="name">Its name.</param>
    /// <param name="type">What its elements are.</param>
    /// <param name="shape">Its dimensions.</param>
    /// <param name="count">Their product, within the limits.</param>
    public static InferenceTensor Read(ref Utf8JsonReader json, string name, DataType type, IReadOnlyList<long> shape, long count)
    {
        switch (type)
        {
            case DataType.Bool:
                return Numbers<bool>(ref json, static (ref Utf8JsonReader json) => json.TokenType switch
                {
                    JsonTokenType.True => true,
                    JsonTokenType.False => false,
                    _ => null,
                });
            case DataType.UInt8:
                return Numbers<byte>(ref json, static (ref Utf8JsonReader json) =>
                    IsNumber(ref json) && json.TryGetByte(out var value) ? value : null);
            case DataType.UInt16:
                return Numbers<ushort>(ref json, static (ref Utf8JsonReader json) =>
                    IsNumber(ref json) && json.TryGetUInt16(out var value) ? value : null);
            case DataType.UInt32:
                return Numbers<uint>(ref json, static (ref Utf8JsonReader json) =>
                    IsNumber(ref json) && json.TryGetUInt32(out var value) ? value : null);
            case DataType.UInt64:
                return Numbers<ulong>(ref json, static (ref Utf8JsonReader json) =>
                    IsNumber(ref json) && json.TryGetUInt64(out var value) ? value : null);
            case DataType.Int8:
                return Numbers<sbyte>(ref json, static (ref Utf8JsonReader json) =>
                    IsNumber(ref json) && json.TryGetSByte(out var value) ? value : null);
            case DataType.Int16:
                return Numbers<short>(ref json, static (ref Utf8JsonReader json) =>
                    IsNumber(ref json) && json.TryGetInt16(out var value) ? value : null);
            case DataType.Int32:
                return Numbers<int>(ref json, static (ref Utf8JsonReader json) =>
                    IsNumber(ref json) && json.TryGetInt32(out var value) ? value : null);
            case DataType.Int64:
                return Numbers<long>(ref json, static (ref Utf8JsonReader json) =>
                    IsNumber(ref json) && json.TryGetInt64(out var value) ? value : null);
            case DataType.Fp16:
                return Numbers<Half>(ref json, static (ref Utf8JsonReader json) =>
                    IsNumber(ref json) && json.TryGetDouble(out var value) && Half.IsFinite((Half)value) ? (Half)value : null);
            case DataType.Fp32:
                return Numbers<float>(ref json, static (ref Utf8JsonReader json) =>
                    IsNumber(ref json) && json.TryGetSingle(out var value) && float.IsFinite(value) ? value : null);
            case DataType.Fp64:
                return Numbers<double>(ref json, static (ref Utf8JsonReader json) =>
                    IsNumber(ref json) && json.TryGetDouble(out var value) && double.IsFinite(value) ? value : null);
            default:
                var strings = Values<ReadOnlyMemory<byte>>(ref json, name, type, shape, count, static (ref Utf8JsonReader json) =>
                    json.TokenType == JsonTokenType.String
                        ? Encoding.UTF8.GetBytes(json.GetString()!)
                        // A plain null would become an empty memory.
                        : (ReadOnlyMemory<byte>?)null);
                return InferenceTensor.OfStrings(name, shape, strings);
        }

        InferenceTensor Numbers<T>(ref Utf8JsonReader json, Element<T?> element)
            where T : unmanaged =>
            InferenceTensor.Of<T>(name, shape, CollectionsMarshal.AsSpan(Values(ref json, name, type, shape, count, element)));
    }

    /// <summary>Writes the values of a tensor.</summary>
    /// <param name="json">Where to.</param>
    /// <param name="tensor">The tensor.</param>
    /// <exception cref="ProtocolException">It holds bytes that are no text.</exception>
    public static void Write(Utf8JsonWriter json, InferenceTensor tensor)
    {
        json.WriteStartArray();
        switch (tensor.Type)
        {
            case DataType.Bool: foreach (var value in tensor.As<bool>()) json.WriteBooleanValue(value); break;
            case DataType.UInt8: foreach (var value in tensor.As<byte>()) json.WriteNumberValue(value); break;
            case DataType.UInt16: foreach (var value in tensor.As<ushort>()) json.WriteNumberValue(value); break;
            case DataType.UInt32: foreach (var value in tensor.As<uint>()) json.WriteNumberValue(value); break;
            case DataType.UInt64: foreach (var value in tensor.As<ulong>()) json.WriteNumberValue(value); break;
            case DataType.Int8: foreach (var value in tensor.As<sbyte>()) json.WriteNumberValue(value); break;
            case DataType.Int16: foreach (var value in tensor.As<short>()) json.WriteNumberValue(value); break;
            case DataType.Int32: foreach (var value in tensor.As<int>()) json.WriteNumberValue(value); break;
            case DataType.Int64: foreach (var value in tensor.As<long>()) json.WriteNumberValue(value); break;
            case DataType.Fp16: foreach (var value in tensor.As<Half>()) Write(json, (float)value); break;
            case DataType.Fp32: foreach (var value in tensor.As<float>()) Write(json, value); break;
            case DataType.Fp64:
                foreach (var value in tensor.As<double>())
                {
                    if (double.IsFinite(value)) json.WriteNumberValue(value);
                    else json.WriteNullValue();
                }

                break;
            default:
                foreach (var value in tensor.Strings)
                {
                    if (!System.Text.Unicode.Utf8.IsValid(value.Span))
                        throw ProtocolException.Invalid(
                            $"Output '{tensor.Name}' holds bytes that are no text; ask for it with binary_data true.");
                    json.WriteStringValue(value.Span);
                }

                break;
        }

        json.WriteEndArray();
    }

    private static void Write(Utf8JsonWriter json, float value)
    {
        if (float.IsFinite(value)) json.WriteNumberValue(value);
        else json.WriteNullValue();
    }

    private static bool IsNumber(ref Utf8JsonReader json) => json.TokenType == JsonTokenType.Number;

    /// <summary>Elements in order, flat or nested as the shape says.</summary>
    private static List<T> Values<T>(
        ref Utf8JsonReader json, string name, DataType type, IReadOnlyList<long> shape, long count, Element<T?> element)
        where T : struct
    {
        StrictJson.Expect(ref json, JsonTokenType.StartArray, $"Input '{name}': 'data'", "an array");
        // Room for what was announced is only taken as far as elements come.
        var values = new List<T>((int)Math.Min(count, 4096));
        // How many entries of each open array have been read; the deepest last.
        var places = new List<long> { 0 };
        bool? nested = null;
        while (true)
        {
            StrictJson.Next(ref json);
            switch (json.TokenType)
            {
                case JsonTokenType.StartArray:
                    if (nested == false || places.Count >= shape.Count) throw Shaped($"an array at {Place(places)}");
                    nested = true;
                    places[^1]++;
                    places.Add(0);
                    break;
                case JsonTokenType.EndArray:
                    var expected = nested == true ? shape[places.Count - 1] : count;
                    // An empty array may stand for all that has no elements.
                    if (places[^1] != expected && (nested is not null || count > 0))
                        throw Shaped($"{places[^1]} entries in {(places.Count == 1 ? "it" : Place(places, 1))} instead of {expected}");
                    places.RemoveAt(places.Count - 1);
                    if (places.Count == 0) return values;
                    break;
                default:
                    if (nested == true && places.Count < shape.Count)
                        throw Shaped($"{StrictJson.Found(ref json)} at {Place(places)}");
                    nested ??= false;
                    if (values.Count == count) throw Shaped($"more than {count} elements");
                    values.Add(element(ref json) ?? throw ProtocolException.Invalid(
                        $"Input '{name}': 'data' has {StrictJson.Found(ref json)} at {Place(places)}, which is no {type.Word()}."));
                    places[^1]++;
                    break;
            }
        }

        ProtocolException Shaped(string found) => ProtocolException.Invalid(
            $"Input '{name}': 'data' has {found}; shape {TensorShape.Text(shape)} needs {count} elements, flat or nested as the shape.");

        static string Place(List<long> places, int up = 0) =>
            string.Concat(places.SkipLast(up).Select((place, i) => i < places.Count - 1
                ? string.Create(CultureInfo.InvariantCulture, $"[{place - 1}]")
                : string.Create(CultureInfo.InvariantCulture, $"[{place}]")));
    }
}
