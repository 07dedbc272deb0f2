namespace DiffeoNN.Onnx.Search;

/// <summary>What was said of settings; equal where the same was said.</summary>
internal sealed class SettingValues : IEquatable<SettingValues>
{
    private readonly Dictionary<SearchSetting, object> _values;

    private SettingValues(Dictionary<SearchSetting, object> values) => _values = values;

    /// <summary>Nothing.</summary>
    public static SettingValues None { get; } = new([]);

    /// <summary>What was said.</summary>
    public IEnumerable<KeyValuePair<SearchSetting, object>> All => _values;

    /// <summary>The value said, or null.</summary>
    public object? this[SearchSetting setting] => _values.GetValueOrDefault(setting);

    /// <summary>The same but for one setting.</summary>
    /// <param name="setting">Which.</param>
    /// <param name="value">Null takes back what was said.</param>
    public SettingValues With(SearchSetting setting, object? value)
    {
        var values = new Dictionary<SearchSetting, object>(_values);
        if (value is null) values.Remove(setting);
        else values[setting] = value;
        return new SettingValues(values);
    }

    /// <summary>These, and where nothing is said, the others.</summary>
    public SettingValues Over(SettingValues others)
    {
        var values = new Dictionary<SearchSetting, object>(others._values);
        foreach (var (setting, value) in _values) values[setting] = value;
        return new SettingValues(values);
    }

    /// <inheritdoc/>
    public bool Equals(SettingValues? other) => other is not null && _values.Count == other._values.Count
        && _values.All(pair => pair.Value.Equals(other[pair.Key]));

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as SettingValues);

    /// <inheritdoc/>
    public override int GetHashCode() => _values.Aggregate(0, (sum, pair) => sum ^ HashCode.Combine(pair.Key, pair.Value));
}
