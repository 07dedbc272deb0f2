namespace DiffeoNN.Onnx.Serving.Protocol;

/// <summary>An entry of the repository's index.</summary>
/// <param name="Name">The model's name.</param>
/// <param name="Version">The version.</param>
/// <param name="State">Whether it takes requests.</param>
/// <param name="Reason">Why, where that is not the usual; empty for nothing.</param>
public sealed record ModelStatus(string Name, string Version, ModelState State, string Reason)
{
    /// <summary>The state as the protocol writes it; a version that failed is unavailable, and the reason says why.</summary>
    public string StateWord => State switch
    {
        ModelState.Loading => "LOADING",
        ModelState.Ready => "READY",
        ModelState.Unloading => "UNLOADING",
        _ => "UNAVAILABLE",
    };
}
