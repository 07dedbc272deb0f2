using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;
using F = TorchSharp.torch.nn.functional;

namespace DiffeoNN.Onnx.Training.Fitting;

/// <summary>Arithmetic of maps while batches are made.</summary>
/// <remarks>Displacements (N, 2, h, w) are in the resampling kernel's units, where each axis spans [-1, 1]: a map keeps its values on every
/// lattice, whatever its ratio of sides. What they make belongs to the dispose scope it is made in.</remarks>
internal static class Maps
{
    /// <summary>image(p + u(p)).</summary>
    public static torch.Tensor Warp(torch.Tensor image, torch.Tensor u, WarpPadding padding) =>
        Fields.Warp.Sample(image, u, SamplingGrid.Of(u).KernelPositions(u), padding, WarpInterpolation.Bilinear);

    /// <summary>Displacement of phi(psi(p)), phi being p + u(p) and psi p + after(p).</summary>
    public static torch.Tensor Compose(torch.Tensor u, torch.Tensor after) => after.Plus(Warp(u, after, WarpPadding.Border));

    /// <summary>Displacement of the inverse map, by fixed-point iteration.</summary>
    public static torch.Tensor Inverse(torch.Tensor u, int iterations)
    {
        var w = u.neg();
        for (var i = 0; i < iterations; i++)
            w = Warp(u, w, WarpPadding.Border).neg_();
        return w;
    }

    /// <summary>Where what lies at places of an image comes to lie when the image is warped: the inverse map at places, by fixed-point
    /// iteration.</summary>
    /// <param name="u">(N, 2, h, w).</param>
    /// <param name="places">(N, P, 2), in the same unit, x first.</param>
    /// <param name="iterations">How many.</param>
    public static torch.Tensor Back(torch.Tensor u, torch.Tensor places, int iterations)
    {
        var wanted = places.transpose(1, 2).unsqueeze(-1);
        var (found, none) = (wanted, torch.zeros_like(wanted));
        for (var i = 0; i < iterations; i++)
            found = wanted.Plus(Fields.Warp.Sample(u, none, found, WarpPadding.Border, WarpInterpolation.Bilinear).neg_());
        return found.squeeze(-1).transpose(1, 2);
    }

    /// <summary>A smooth map on another lattice, bicubic.</summary>
    public static torch.Tensor Resample(torch.Tensor u, int height, int width) =>
        u.size(2) == height && u.size(3) == width
            ? u
            : F.interpolate(u, [height, width], mode: torch.InterpolationMode.Bicubic, align_corners: true);

    /// <summary>Half the extent of an image along x and y in the library's unit: what carries kernel units to it, (1, 2, 1, 1).</summary>
    public static torch.Tensor HalfExtents(SamplingGrid grid) =>
        torch.tensor(new[] { (float)grid.HalfWidth, (float)grid.HalfHeight }).view(1, 2, 1, 1);
}
