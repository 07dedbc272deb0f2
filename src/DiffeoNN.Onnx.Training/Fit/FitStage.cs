namespace DiffeoNN.Onnx.Training.Fit;

/// <summary>What a fit is at.</summary>
public enum FitStage
{
    /// <summary>Images are read.</summary>
    Reading,

    /// <summary>The autoencoder, the energy, learns undeformed images.</summary>
    Autoencoder,

    /// <summary>The proposer learns to undo deformations.</summary>
    Proposer,

    /// <summary>The proposer learns what matters to the network.</summary>
    Task,

    /// <summary>The critic, a second energy, learns to tell deformed images.</summary>
    Critic,

    /// <summary>Settings are chosen on images held out, and the bundle is written.</summary>
    Choosing,

    /// <summary>The bundle is judged on images held out and new deformations of them.</summary>
    Judging,
}
