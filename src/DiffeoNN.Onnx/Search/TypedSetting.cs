namespace DiffeoNN.Onnx.Search;

/// <summary>A setting of known type.</summary>
/// <typeparam name="T">Of its values.</typeparam>
internal sealed class TypedSetting<T> : SearchSetting
    where T : notnull
{
    /// <summary>One that has a default.</summary>
    public TypedSetting(string name, SettingKind<T> kind, SearchSection section, T unsaid)
        : base(name, kind, section, unsaid)
    {
    }

    /// <summary>One that has none.</summary>
    public TypedSetting(string name, SettingKind<T> kind, SearchSection section)
        : base(name, kind, section, null)
    {
    }
}
