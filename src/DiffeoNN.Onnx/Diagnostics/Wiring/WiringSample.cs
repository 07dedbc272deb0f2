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
/// <param name="LeftOut">Images that are not among them, as a deformation changes nothing that could be seen.</param>
internal sealed record WiringSample(
    Bundle Bundle, torch.Tensor Images, torch.Tensor Deformed, IReadOnlyList<DeformationMap> Maps, int LeftOut)
{
    private const ulong Seed = 1;

    /// <summary>Range of pixel values below which an image is flat, and share of its variance that a deformation has to change.</summary>
    private const double Flat = 2 / 255.0, Change = 1e-3;

    /// <summary>Scores that differ by less, as a share of the larger, are equal but for rounding.</summary>
    private const double Rounding = 1e-6;

    /// <summary>Resizes and deforms; tensors join the caller's dispose scope.</summary>
    /// <param name="bundle">The bundle.</param>
    /// <param name="images">At least one, that can become of the bundle's channels.</param>
    public static WiringSample Of(Bundle bundle, IReadOnlyList<ImageBuffer> images)
    {
        var spec = bundle.Image;
        var grid = new SamplingGrid(spec.Height, spec.Width);
        var (weak, strong) = (new ThinPlateDeformation(), new ThinPlateDeformation(ThinPlateDeformation.Strong));
        ImageBuffer[] buffers =
            [.. images.Select(image => ImageResampler.Fitted(image.WithChannels(spec.Channels), spec.Height, spec.Width))];
        ImageBuffer[] twice = [.. buffers, .. buffers];
        DeformationMap[] maps = [.. twice.Select((_, i) => (i < buffers.Length ? weak : strong).Draw(grid, Seed, i))];
        ImageBuffer[] deformed = [.. twice.Select((image, i) => maps[i].Apply(image))];
        int[] telling = [.. Enumerable.Range(0, buffers.Length)
            .Where(i => Tells(buffers[i], deformed[i]) && Tells(buffers[i], deformed[i + buffers.Length]))];
        int[] kept = [.. telling, .. telling.Select(i => i + buffers.Length)];
        var leftOut = buffers.Length - telling.Length;
        return kept.Length == 0
            ? new WiringSample(bundle, torch.empty(0), torch.empty(0), [], leftOut)
            : new WiringSample(bundle, Tensor(twice), Tensor(deformed), [.. kept.Select(i => maps[i])], leftOut);

        torch.Tensor Tensor(ImageBuffer[] all) => ImageTensor.ToTensor([.. kept.Select(i => all[i])]);
    }

    /// <summary>Whether an image and its deformed copy differ, so that what networks make of them says something.</summary>
    private static bool Tells(ImageBuffer image, ImageBuffer deformed)
    {
        float[] own = image.Data.ToArray(), moved = deformed.Data.ToArray();
        if (own.Max() - own.Min() < Flat) return false;
        double mean = own.Average(), variance = own.Average(value => (value - mean) * (value - mean));
        return own.Zip(moved).Average(pair => (pair.First - pair.Second) * (double)(pair.First - pair.Second)) > Change * variance;
    }

    /// <summary>Number of deformed images.</summary>
    public int Count => Maps.Count;

    /// <summary>In how many pairs the deformed image has the larger number, and in how many both have the same but for rounding.</summary>
    /// <param name="undeformed">Shape (2N).</param>
    /// <param name="deformed">Shape (2N).</param>
    public static Pairs Compare(torch.Tensor undeformed, torch.Tensor deformed)
    {
        double[] before = Numbers(undeformed), after = Numbers(deformed);
        int rises = 0, ties = 0;
        foreach (var (first, second) in before.Zip(after))
        {
            if (Math.Abs(second - first) <= Rounding * Math.Max(Math.Abs(first), Math.Abs(second))) ties++;
            else if (second > first) rises++;
        }

        return new Pairs(rises, before.Length - ties, ties);

        static double[] Numbers(torch.Tensor values)
        {
            using var scope = torch.NewDisposeScope();
            return values.cpu().to(torch.float64).data<double>().ToArray();
        }
    }
}
