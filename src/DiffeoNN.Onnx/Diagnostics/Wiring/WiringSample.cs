using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Imaging;
using TorchSharp;

namespace DiffeoNN.Onnx.Diagnostics.Wiring;

/// <summary>Images of the kind a bundle was trained on, at its size, and deformed copies of them.</summary>
/// <param name="Bundle">The bundle.</param>
/// <param name="Images">Pixel values, shape (2N, C, H, W): all images, then all again.</param>
/// <param name="Deformed">The same deformed: the first N by <c>tps</c>, the others by <c>tps-strong</c>.</param>
/// <param name="Maps">The maps.</param>
internal sealed record WiringSample(Bundle Bundle, torch.Tensor Images, torch.Tensor Deformed, IReadOnlyList<DeformationMap> Maps)
{
    private const ulong Seed = 1;

    /// <summary>Resizes and deforms; tensors join the caller's dispose scope.</summary>
    /// <param name="bundle">The bundle.</param>
    /// <param name="images">At least one, that can become of the bundle's channels.</param>
    public static WiringSample Of(Bundle bundle, IReadOnlyList<ImageBuffer> images)
    {
        var spec = bundle.Image;
        var grid = new SamplingGrid(spec.Height, spec.Width);
        var padding = spec.Padding == ImagePadding.Border ? WarpPadding.Border : WarpPadding.Zeros;
        var (weak, strong) = (new ThinPlateDeformation(), new ThinPlateDeformation(ThinPlateDeformation.Strong));
        ImageBuffer[] buffers =
            [.. images.Select(image => ImageResampler.Resize(image.WithChannels(spec.Channels), spec.Height, spec.Width))];
        ImageBuffer[] twice = [.. buffers, .. buffers];
        DeformationMap[] maps = [.. twice.Select((_, i) => (i < buffers.Length ? weak : strong).Draw(grid, Seed, i))];
        ImageBuffer[] deformed = [.. twice.Select((image, i) => maps[i].Apply(image, padding))];
        return new WiringSample(bundle, ImageTensor.ToTensor(twice), ImageTensor.ToTensor(deformed), maps);
    }

    /// <summary>Number of deformed images.</summary>
    public int Count => Maps.Count;

    /// <summary>In how many pairs the deformed image has the larger number.</summary>
    /// <param name="undeformed">Shape (2N).</param>
    /// <param name="deformed">Shape (2N).</param>
    public static int Rises(torch.Tensor undeformed, torch.Tensor deformed)
    {
        using var scope = torch.NewDisposeScope();
        return (int)deformed.gt(undeformed).sum().item<long>();
    }
}
