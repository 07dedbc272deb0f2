using System.Text.Json;

namespace DiffeoNN.Onnx.Serving.Protocol;

/// <summary>Reads JSON of the network: what is not as expected ends in a <see cref="ProtocolException"/> that says where.</summary>
internal static class StrictJson
{
    private const int Depth = 32;

    /// <summary>A value's first token, what reads the value and leaves the reader at its last, and the name that messages use.</summary>
    public delegate void MemberReader(ref Utf8JsonReader json, string name);

    /// <summary>Runs what reads a body, from its first token to its end.</summary>
    /// <param name="body">JSON.</param>
    /// <param name="read">Leaves the reader at the value's last token.</param>
    public static T Read<T>(ReadOnlySpan<byte> body, ReadValue<T> read)
    {
        var json = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = Depth });
        try
        {
            Next(ref json);
            var value = read(ref json);
            if (json.Read()) throw ProtocolException.Invalid("The body goes on after its JSON value.");
            return value;
        }
        catch (JsonException error)
        {
            throw ProtocolException.Invalid($"The body is no JSON: {error.Message}", error);
        }
        catch (InvalidOperationException error)
        {
            // Utf8JsonReader, of texts that are no Unicode.
            throw ProtocolException.Invalid($"The body holds a text that is not Unicode, near byte {json.BytesConsumed}.", error);
        }
    }

    /// <summary>Reads a value and leaves the reader at its last token.</summary>
    public delegate T ReadValue<out T>(ref Utf8JsonReader json);

    /// <summary>The next token, which there must be.</summary>
    public static void Next(ref Utf8JsonReader json)
    {
        if (!json.Read()) throw ProtocolException.Invalid("The body ends too early.");
    }

    /// <summary>Reads the members of an object, each at most once.</summary>
    /// <param name="json">At the value's first token.</param>
    /// <param name="what">What messages call it.</param>
    /// <param name="member">Reads the value of a member, whose first token is current.</param>
    public static void Members(ref Utf8JsonReader json, string what, MemberReader member)
    {
        Expect(ref json, JsonTokenType.StartObject, what, "an object");
        var seen = new HashSet<string>(StringComparer.Ordinal);
        while (true)
        {
            Next(ref json);
            if (json.TokenType == JsonTokenType.EndObject) return;
            var name = json.GetString()!;
            if (!seen.Add(name)) throw ProtocolException.Invalid($"{what} has two members '{Short(name)}'.");
            Next(ref json);
            member(ref json, name);
        }
    }

    /// <summary>The elements of an array.</summary>
    /// <param name="json">At the value's first token.</param>
    /// <param name="what">What messages call it.</param>
    /// <param name="most">How many there may be.</param>
    /// <param name="read">Reads one, whose first token is current.</param>
    public static List<T> Elements<T>(ref Utf8JsonReader json, string what, int most, ReadValue<T> read)
    {
        Expect(ref json, JsonTokenType.StartArray, what, "an array");
        var elements = new List<T>();
        while (true)
        {
            Next(ref json);
            if (json.TokenType == JsonTokenType.EndArray) return elements;
            ProtocolLimits.CheckCount(elements.Count + 1, most, $"elements in {what}");
            elements.Add(read(ref json));
        }
    }

    /// <summary>A text.</summary>
    public static string Text(ref Utf8JsonReader json, string what)
    {
        Expect(ref json, JsonTokenType.String, what, "a text");
        return json.GetString()!;
    }

    /// <summary>A whole number.</summary>
    public static long Whole(ref Utf8JsonReader json, string what)
    {
        Expect(ref json, JsonTokenType.Number, what, "a whole number");
        return json.TryGetInt64(out var value) ? value : throw ProtocolException.Invalid(
            $"{what} is {Found(ref json)}; expected a whole number.");
    }

    /// <summary>True or false.</summary>
    public static bool Truth(ref Utf8JsonReader json, string what) => json.TokenType switch
    {
        JsonTokenType.True => true,
        JsonTokenType.False => false,
        _ => throw ProtocolException.Invalid($"{what} is {Found(ref json)}; expected true or false."),
    };

    /// <summary>Refuses a member that the protocol does not have.</summary>
    public static ProtocolException Unknown(string what, string name, string expected) =>
        ProtocolException.Invalid($"{what} has a member '{Short(name)}'; the protocol has {expected}.");

    /// <summary>Refuses another token.</summary>
    public static void Expect(ref Utf8JsonReader json, JsonTokenType type, string what, string expected)
    {
        if (json.TokenType != type) throw ProtocolException.Invalid($"{what} is {Found(ref json)}; expected {expected}.");
    }

    /// <summary>A token as messages print it.</summary>
    public static string Found(ref Utf8JsonReader json) => json.TokenType switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "an array",
        JsonTokenType.EndArray => "the end of an array",
        JsonTokenType.Null => "null",
        JsonTokenType.True => "true",
        JsonTokenType.False => "false",
        JsonTokenType.String => $"the text '{Short(json.GetString()!)}'",
        _ => Short(System.Text.Encoding.UTF8.GetString(json.ValueSpan)),
    };

    /// <summary>The beginning of a text that was sent.</summary>
    public static string Short(string text) => text.Length <= 80 ? text : $"{text[..80]}...";
}
