using System.Text.Json;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Bundles;

/// <summary>
/// One value of a manifest with its place, read strictly: every message names the field, what was found and what was expected.
/// </summary>
internal sealed class ManifestNode(JsonElement value, string place, string source)
{
    private Dictionary<string, JsonElement>? _fields;

    /// <summary>Refuses the value.</summary>
    public BundleException Refuse(string expected) =>
        new(place.Length == 0
            ? $"{source}: the manifest is {Found()}; expected {expected}."
            : $"{source}: field '{place}' is {Found()}; expected {expected}.");

    /// <summary>Whether it is a string.</summary>
    public bool IsText => value.ValueKind == JsonValueKind.String;

    /// <summary>Whether it is an object.</summary>
    public bool IsObject => value.ValueKind == JsonValueKind.Object;

    /// <summary>Declares what an object may hold; must precede the reading of its fields.</summary>
    public ManifestNode Object(params string[] known)
    {
        if (value.ValueKind != JsonValueKind.Object) throw Refuse("an object");
        _fields = [];
        foreach (var property in value.EnumerateObject())
        {
            if (!known.Contains(property.Name, StringComparer.Ordinal))
            {
                throw new BundleException(
                    $"{source}: unknown field '{Place(property.Name)}'. Known there: {string.Join(", ", known)}.");
            }

            if (!_fields.TryAdd(property.Name, property.Value))
                throw new BundleException($"{source}: field '{Place(property.Name)}' is given twice; keep one.");
        }

        return this;
    }

    /// <summary>A field that must be there.</summary>
    public ManifestNode Required(string name) =>
        Optional(name) ?? throw new BundleException($"{source}: field '{Place(name)}' is missing.");

    /// <summary>A field that may be absent; a null in the file is not absence and is refused by whoever reads it.</summary>
    public ManifestNode? Optional(string name) =>
        _fields!.TryGetValue(name, out var field) ? new ManifestNode(field, Place(name), source) : null;

    public string Text()
    {
        if (value.ValueKind != JsonValueKind.String) throw Refuse("a string");
        return value.GetString()!;
    }

    public string Name()
    {
        var text = Text();
        return string.IsNullOrWhiteSpace(text) ? throw Refuse("a string that is not empty") : text;
    }

    public bool Truth() =>
        value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : throw Refuse("true or false");

    public string Choice(params string[] choices)
    {
        if (value.ValueKind == JsonValueKind.String && choices.Contains(value.GetString(), StringComparer.Ordinal))
            return value.GetString()!;
        throw Refuse($"one of {string.Join(", ", choices)}");
    }

    /// <summary>A name of an enum's value in camel case.</summary>
    public T Choice<T>()
        where T : struct, Enum =>
        Enum.Parse<T>(Choice([.. Enum.GetNames<T>().Select(name => char.ToLowerInvariant(name[0]) + name[1..])]), ignoreCase: true);

    /// <summary>A value of a setting of the search.</summary>
    public object Setting(SearchSetting setting) => setting.Read(value) ?? throw Refuse(setting.Expected);

    public int Whole(int least, int most = int.MaxValue)
    {
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number >= least && number <= most)
            return number;
        throw Refuse(most == int.MaxValue ? $"a whole number of at least {least}" : $"a whole number from {least} to {most}");
    }

    public long Long()
    {
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number)) return number;
        throw Refuse("a whole number of at most 64 bits");
    }

    public double Number(string expected = "a finite number", Func<double, bool>? fits = null)
    {
        // A number beyond the range of a double parses as infinity.
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && double.IsFinite(number)
            && (fits is null || fits(number)))
        {
            return number;
        }

        throw Refuse(expected);
    }

    /// <summary>Of pixel values of any unit; networks see (value - mean) / std in float32,
    /// where more would leave nothing of the image.</summary>
    public double Mean() => Number("a number from -1e6 to 1e6", number => Math.Abs(number) <= 1e6);

    /// <summary>Divisor of pixel values: one whose reciprocal float32 holds with room to spare.</summary>
    public double Deviation() => Number(
        value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var given) && given <= 0
            ? "a number above 0" : "a number from 1e-6 to 1e6",
        number => number is >= 1e-6 and <= 1e6);

    public List<ManifestNode> Items()
    {
        if (value.ValueKind != JsonValueKind.Array) throw Refuse("an array");
        return [.. value.EnumerateArray().Select((item, i) => new ManifestNode(item, $"{place}[{i}]", source))];
    }

    private string Place(string name) => place.Length == 0 ? name : $"{place}.{name}";

    private string Found()
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object: return "an object";
            case JsonValueKind.Array: return $"an array of {value.GetArrayLength()}";
            default:
                var text = value.GetRawText();
                return text.Length <= 60 ? text : text[..57] + "...";
        }
    }
}
