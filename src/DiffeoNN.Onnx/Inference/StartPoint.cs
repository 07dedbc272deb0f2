namespace DiffeoNN.Onnx.Inference;

/// <summary>Where canonicalisation starts.</summary>
public enum StartPoint
{
    /// <summary>At the proposal where the bundle has a proposer, else at the identity.</summary>
    Auto,

    /// <summary>At the identity.</summary>
    Identity,

    /// <summary>At the proposal; a bundle without a proposer is refused.</summary>
    Proposer,
}
