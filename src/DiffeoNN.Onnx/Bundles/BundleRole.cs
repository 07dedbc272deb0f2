namespace DiffeoNN.Onnx.Bundles;

/// <summary>What a network of a bundle is for.</summary>
public enum BundleRole
{
    /// <summary>The pretrained network that is wrapped.</summary>
    Inner,

    /// <summary>Energy term: a variational autoencoder of the training images.</summary>
    Vae,

    /// <summary>Energy term: a critic of deformed images.</summary>
    Critic,

    /// <summary>Energy term: a graph of the user's own.</summary>
    Energy,

    /// <summary>Proposes where canonicalisation starts.</summary>
    Proposer,

    /// <summary>The inner model trained with deformations, for comparison.</summary>
    Augmented,
}
