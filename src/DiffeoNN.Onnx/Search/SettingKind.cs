using System.Text.Json;
using System.Text.Json.Nodes;

namespace DiffeoNN.Onnx.Search;

/// <summary>A range of values: how they are told, read and written.</summary>
internal abstract class SettingKind
{
    /// <summary>What messages ask for.</summary>
    public abstract string Expected { get; }

    /// <summary>The words of a choice, one a value; empty for numbers.</summary>
    public virtual IReadOnlyList<string> Words => [];

    /// <summary>A value that leaves the choice to whoever is asked next, as if nothing had been said; null for none.</summary>
    public virtual object? Open => null;

    /// <summary>Whether a value of the right type is in the range.</summary>
    public abstract bool Fits(object value);

    /// <summary>A value of the right type, or null.</summary>
    public abstract object? Read(JsonElement json);

    /// <summary>A value of the right type, or null.</summary>
    public abstract object? Parse(string text);

    /// <summary>A value in words.</summary>
    public abstract string Text(object value);

    /// <summary>A value in JSON.</summary>
    public abstract JsonNode Write(object value);
}

/// <summary>A range of values of one type.</summary>
/// <typeparam name="T">The type.</typeparam>
internal abstract class SettingKind<T> : SettingKind
    where T : notnull
{
    /// <inheritdoc/>
    public sealed override bool Fits(object value) => value is T typed && Fits(typed);

    /// <inheritdoc/>
    public sealed override string Text(object value) => Text((T)value);

    /// <inheritdoc/>
    public sealed override JsonNode Write(object value) => Write((T)value);

    protected abstract bool Fits(T value);

    protected abstract string Text(T value);

    protected abstract JsonNode Write(T value);
}
