namespace DiffeoNN.Onnx.Serving.Protocol;

/// <summary>Parameters by their names: each true or false, a whole number, a number, or a text.</summary>
/// <remarks>Values are <see cref="bool"/>, <see cref="long"/>, <see cref="double"/> or <see cref="string"/>.</remarks>
public sealed class RequestParameters
{
    private readonly Dictionary<string, object> _values = [];

    /// <summary>None.</summary>
    public RequestParameters()
    {
    }

    /// <summary>Some.</summary>
    /// <param name="values">Their names and values.</param>
    /// <exception cref="ArgumentException">A value is of none of the four types.</exception>
    public RequestParameters(IEnumerable<KeyValuePair<string, object>> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        foreach (var (name, value) in values)
        {
            if (value is not (bool or long or double or string))
                throw new ArgumentException(
                    $"Parameter '{name}' is {value?.GetType().Name ?? "null"}; expected bool, long, double or string.", nameof(values));
            _values[name] = value;
        }
    }

    /// <summary>No parameters.</summary>
    public static RequestParameters None { get; } = new();

    /// <summary>All of them.</summary>
    public IReadOnlyDictionary<string, object> All => _values;

    /// <summary>A parameter that is true or false.</summary>
    /// <param name="name">Its name.</param>
    /// <returns>Null where it was not sent.</returns>
    /// <exception cref="ProtocolException">It is something else.</exception>
    public bool? Truth(string name) => _values.GetValueOrDefault(name) switch
    {
        null => null,
        bool value => value,
        var other => throw Wrong(name, other, "true or false"),
    };

    /// <summary>A parameter that is a whole number from a least one on; a text that is one counts, too.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="least">The least.</param>
    /// <returns>Null where it was not sent.</returns>
    /// <exception cref="ProtocolException">It is something else.</exception>
    public long? Whole(string name, long least = 0) => _values.GetValueOrDefault(name) switch
    {
        null => null,
        long value when value >= least => value,
        string text when long.TryParse(text, out var value) && value >= least => value,
        var other => throw Wrong(name, other, $"a whole number from {least} on"),
    };

    /// <summary>A parameter as people would write it.</summary>
    /// <param name="name">Its name.</param>
    /// <returns>Null where it was not sent.</returns>
    public string? Text(string name) => _values.GetValueOrDefault(name) is { } value ? Written(value) : null;

    /// <summary>The error of a parameter that is none of its values.</summary>
    internal static ProtocolException Wrong(string name, object value, string expected) =>
        ProtocolException.Invalid($"Parameter '{name}' is {(value is string text ? $"'{text}'" : Written(value))}; expected {expected}.");

    private static string Written(object value) => value is bool truth ? (truth ? "true" : "false") : $"{value}";
}
