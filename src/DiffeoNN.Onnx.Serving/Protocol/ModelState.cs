namespace DiffeoNN.Onnx.Serving.Protocol;

/// <summary>Whether a version of a model takes requests.</summary>
public enum ModelState
{
    /// <summary>It lies in the repository and is not loaded.</summary>
    Unavailable,

    /// <summary>It is being loaded.</summary>
    Loading,

    /// <summary>It takes requests.</summary>
    Ready,

    /// <summary>It takes no more requests; those in flight are finished.</summary>
    Unloading,

    /// <summary>It did not load; the reason says why.</summary>
    Failed,
}
