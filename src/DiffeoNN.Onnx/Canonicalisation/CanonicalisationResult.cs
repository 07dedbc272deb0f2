using TorchSharp;

namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>Canonical images of a batch and the maps that lead there; owns its tensors.</summary>
/// <param name="Canonical">x_c(p) = x(p + u(p)), shape (N, C, H, W), float32.</param>
/// <param name="Velocity">v, shape (N, 2, H, W), component 0 is x, in the library's unit.</param>
/// <param name="Displacement">u of exp(v), same shape and unit: a point p of the canonical image lies at p + u(p) in the input.</param>
/// <param name="InverseDisplacement">u of exp(-v), same shape and unit: carries outputs back.</param>
/// <param name="Images">One record an image, in the batch's order.</param>
/// <param name="Times">Where the time went.</param>
public sealed record CanonicalisationResult(
    torch.Tensor Canonical,
    torch.Tensor Velocity,
    torch.Tensor Displacement,
    torch.Tensor InverseDisplacement,
    IReadOnlyList<ImageCanonicalisation> Images,
    StageTimes Times) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose()
    {
        Canonical.Dispose();
        Velocity.Dispose();
        Displacement.Dispose();
        InverseDisplacement.Dispose();
    }
}
