namespace DiffeoNN.Onnx.Search;

/// <summary>Who may say a setting: a part of the manifest, or the caller alone.</summary>
public enum SearchSection
{
    /// <summary>The manifest's <c>energy</c>.</summary>
    Energy,

    /// <summary>The manifest's <c>optimiser</c>.</summary>
    Optimiser,

    /// <summary>The manifest's <c>acceptance</c>.</summary>
    Acceptance,

    /// <summary>No part of the manifest: presets and callers say it.</summary>
    Caller,
}
