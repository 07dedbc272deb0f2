using TorchSharp;

namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>Canonical images of a batch and the maps that lead there; owns its tensors.</summary>
/// <param name="canonical">x_c(p) = x(p + u(p)), shape (N, C, H, W), float32.</param>
/// <param name="velocity">v, shape (N, 2, H, W), component 0 is x, in the library's unit.</param>
/// <param name="displacement">u of exp(v), same shape and unit: a point p of the canonical image lies at p + u(p) in the input.</param>
/// <param name="inverseDisplacement">u of exp(-v), same shape and unit: carries outputs back.</param>
/// <param name="images">One record an image, in the batch's order.</param>
/// <param name="times">Where the time went.</param>
public sealed class CanonicalisationResult(
    torch.Tensor canonical,
    torch.Tensor velocity,
    torch.Tensor displacement,
    torch.Tensor inverseDisplacement,
    IReadOnlyList<ImageCanonicalisation> images,
    StageTimes times) : IDisposable
{
    /// <summary>x_c(p) = x(p + u(p)), shape (N, C, H, W), float32.</summary>
    public torch.Tensor Canonical => canonical;

    /// <summary>v, shape (N, 2, H, W), component 0 is x, in the library's unit.</summary>
    public torch.Tensor Velocity => velocity;

    /// <summary>u of exp(v), same shape and unit: a point p of the canonical image lies at p + u(p) in the input.</summary>
    public torch.Tensor Displacement => displacement;

    /// <summary>u of exp(-v), same shape and unit: carries outputs back.</summary>
    public torch.Tensor InverseDisplacement => inverseDisplacement;

    /// <summary>One record an image, in the batch's order.</summary>
    public IReadOnlyList<ImageCanonicalisation> Images => images;

    /// <summary>Where the time went.</summary>
    public StageTimes Times => times;

    /// <inheritdoc/>
    public void Dispose()
    {
        Canonical.Dispose();
        Velocity.Dispose();
        Displacement.Dispose();
        InverseDisplacement.Dispose();
    }

    /// <summary>The result of one image, in tensors of its own that share this one's memory.</summary>
    internal CanonicalisationResult Row(int index) => new(
        canonical.narrow(0, index, 1), velocity.narrow(0, index, 1), displacement.narrow(0, index, 1),
        inverseDisplacement.narrow(0, index, 1), [images[index]], times);
}
