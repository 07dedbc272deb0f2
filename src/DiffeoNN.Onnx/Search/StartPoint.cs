namespace DiffeoNN.Onnx.Search;

/// <summary>Where canonicalisation starts.</summary>
public enum StartPoint
{
    /// <summary>Where the bundle's <c>optimiser.start</c> says; without it at the proposal where the bundle has a proposer, else at the
    /// identity. With <see cref="SearchPreset.Published"/> always at the identity.</summary>
    Auto,

    /// <summary>At the identity.</summary>
    Identity,

    /// <summary>At the proposal; a bundle without a proposer is refused.</summary>
    Proposer,

    /// <summary>At several points: rotations and scales (<see cref="MultiStartOptions"/>) of the identity and,
    /// where the bundle has a proposer, of the proposal.</summary>
    Multi,
}
