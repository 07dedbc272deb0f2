using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Imaging;
using TorchSharp;

namespace DiffeoNN.Onnx.Inference;

/// <content>The network trained with deformations, for comparison.</content>
public sealed partial class EquivariantModel
{
    /// <summary>Whether the bundle holds a network trained with deformations.</summary>
    public bool HasAugmented => Bundle.Has(BundleRole.Augmented);

    /// <summary>The network trained with deformations, on the images as they are; loaded when first asked for.</summary>
    /// <param name="images">At least one, of any sizes.</param>
    /// <param name="cancellationToken">Stops the run.</param>
    /// <returns>One answer an image, at its size.</returns>
    /// <exception cref="BundleException">The bundle has no such network, or its answers are of another kind than the inner
    /// model's.</exception>
    /// <exception cref="ImageException">An image cannot be converted to the bundle's channels, or is smaller than 2x2 pixels.</exception>
    public IReadOnlyList<ModelOutput> RunAugmented(IReadOnlyList<ImageBuffer> images, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(images);
        return RunAugmented([.. images.Select(image => Prepared(image, _networks.Augmented.Input))], cancellationToken);
    }

    /// <summary>The network trained with deformations, on the images as they are; loaded when first asked for.</summary>
    /// <param name="images">At least one, as <see cref="Prepare"/> makes them; what is prepared for an inner network of another size than
    /// this one's is resampled.</param>
    /// <param name="cancellationToken">Stops the run.</param>
    /// <returns>One answer an image, at its size.</returns>
    internal IReadOnlyList<ModelOutput> RunAugmented(IReadOnlyList<ScaledImage> images, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfZero(images.Count, nameof(images));
        using var turn = _turn.EnterScope();
        var augmented = _networks.Augmented;
        using var scope = torch.NewDisposeScope();
        var outputs = augmented.Answers(ToNetworkBatch(images, augmented.Input), cancellationToken);
        return [.. images.Select((image, i) =>
        {
            using var answer = Unwarped(augmented.Outputs, outputs, i, image.Height, image.Width);
            return answer.ToOutput();
        })];
    }
}
