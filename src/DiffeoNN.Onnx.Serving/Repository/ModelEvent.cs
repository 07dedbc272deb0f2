namespace DiffeoNN.Onnx.Serving.Repository;

/// <summary>What became of a version of a model.</summary>
internal enum ModelEventKind
{
    /// <summary>It is being loaded.</summary>
    Loading,

    /// <summary>It takes requests.</summary>
    Ready,

    /// <summary>It did not load.</summary>
    Failed,

    /// <summary>It takes no more requests.</summary>
    Unloaded,
}

/// <summary>Something that a server's log tells.</summary>
/// <param name="Kind">What happened.</param>
/// <param name="Model">The model's name.</param>
/// <param name="Version">The version.</param>
/// <param name="Reason">Why, or what else is to be said; empty for nothing.</param>
/// <param name="Time">How long it took.</param>
internal sealed record ModelEvent(ModelEventKind Kind, string Model, string Version, string Reason = "", TimeSpan Time = default);
