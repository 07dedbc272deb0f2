using System.Text.Json;
using System.Text.Json.Nodes;

namespace DiffeoNN.Onnx.Search;

/// <summary>All there is to know of one setting but its value: manifests, command lines, results and messages go by it.</summary>
public abstract class SearchSetting
{
    private readonly SettingKind _kind;

    /// <param name="name">The one word for it.</param>
    /// <param name="kind">Which values there are.</param>
    /// <param name="section">Who may say it.</param>
    /// <param name="unsaid">What counts where nobody says it; null for none.</param>
    internal SearchSetting(string name, SettingKind kind, SearchSection section, object? unsaid) =>
        (Name, _kind, Section, Default) = (name, kind, section, unsaid);

    /// <summary>Its word, in manifests, results and messages alike.</summary>
    public string Name { get; }

    /// <summary>Who may say it.</summary>
    public SearchSection Section { get; }

    /// <summary>What counts where nobody says it; null for none.</summary>
    public object? Default { get; }

    /// <summary>Whether <see cref="SearchSpec.Refinement"/> may say it differently for searches from a proposal.</summary>
    public bool IsRefinable { get; internal init; }

    /// <summary>The role of a bundle with which a manifest has to say it; null for none.</summary>
    public string? NeededBy { get; internal init; }

    /// <summary>What the option of the command line says of itself; null where there is none.</summary>
    public string? Option { get; internal init; }

    /// <summary>The values that messages ask for.</summary>
    public string Expected => _kind.Expected;

    /// <summary>The words for its values; empty for numbers.</summary>
    public IReadOnlyList<string> Words => _kind.Words;

    /// <summary>A value in words, as option and manifest take it; <c>none</c> for null.</summary>
    /// <param name="value">One of its values.</param>
    public string Text(object? value) => value is null ? "none" : _kind.Text(value);

    /// <summary>The value that a text means.</summary>
    /// <param name="text">As people write it.</param>
    /// <returns>Null where it is no value of this setting.</returns>
    public object? Parse(string text) => Fitting(_kind.Parse(text));

    /// <summary>Whether a value leaves the choice to whoever is asked next.</summary>
    internal bool IsOpen(object value) => value.Equals(_kind.Open);

    /// <summary>Whether a value is within the range.</summary>
    internal bool Fits(object value) => _kind.Fits(value);

    /// <summary>The value of a manifest; null where it is none of this setting.</summary>
    internal object? Read(JsonElement json) => Fitting(_kind.Read(json));

    /// <summary>A value as manifests and results have it.</summary>
    internal JsonNode Write(object value) => _kind.Write(value);

    private object? Fitting(object? value) => value is not null && _kind.Fits(value) ? value : null;
}
