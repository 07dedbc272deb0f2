namespace DiffeoNN.Onnx.Bundles;

/// <summary>A variational autoencoder of the training images (role <c>vae</c>).</summary>
/// <remarks>Its input is preprocessed like every network's; its reconstruction is in pixel values.</remarks>
public sealed record VaeSpec : ModelFile
{
    /// <summary>Output (N, C, H, W): the decoded image, in pixel values.</summary>
    public required string Reconstruction { get; init; }

    /// <summary>Output (N, ...): means of the latent.</summary>
    public required string Mean { get; init; }

    /// <summary>Output of the same shape: logarithm of the latent's variances.</summary>
    public required string LogVariance { get; init; }
}
