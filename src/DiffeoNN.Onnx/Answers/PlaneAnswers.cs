using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Answers;

/// <summary>Answers with values for each pixel: arranged as (N, K, H, W), enlarged to the image where the network answers at a fraction of
/// its resolution, and carried back by the inverse map.</summary>
internal abstract class PlaneAnswers : AnswerKind
{
    /// <summary>The kind and its shape, for messages.</summary>
    protected abstract string Expected(bool isLast);

    /// <inheritdoc/>
    public override DeviceForm OnDevice => DeviceForm.Planes;

    /// <inheritdoc/>
    public override int Channels(MappedAnswer answer) => (int)answer.Parts[0].size(1);

    /// <inheritdoc/>
    public override string? Problem(string tensor, TensorForm found, OutputSpec spec, SamplingGrid image)
    {
        if (found.NotReal is { } wrong) return wrong;
        var isLast = spec.Layout == OutputLayout.ChannelsLast;
        if (found.Shape.Count != 4) return $"has {found.Shape.Count} dimensions; expected {Expected(isLast)}.";
        return isLast ? SizeProblem(found.Shape[1], found.Shape[2], spec, image) : SizeProblem(found.Shape[2], found.Shape[3], spec, image);
    }

    /// <inheritdoc/>
    public override torch.Tensor[] Arrange(IReadOnlyDictionary<string, torch.Tensor> tensors, OutputSpec spec, OutputGrids grids)
    {
        var values = tensors[spec.Name].to_type(torch.ScalarType.Float32);
        if (spec.Layout == OutputLayout.ChannelsLast) values = values.permute(0, 3, 1, 2).contiguous();
        return [Enlarged(values, grids.Network)];
    }

    /// <summary>Planes at the image's size: bilinear between the centres of pixels, which divide the image evenly; the border goes
    /// on.</summary>
    /// <param name="planes">(N, K, h, w).</param>
    /// <param name="image">The size wanted.</param>
    protected static torch.Tensor Enlarged(torch.Tensor planes, SamplingGrid image) =>
        planes.size(2) == image.Height && planes.size(3) == image.Width
            ? planes
            : torch.nn.functional.interpolate(
                planes, [image.Height, image.Width], mode: torch.InterpolationMode.Bilinear, align_corners: false);

    /// <summary>What is wrong with rows and columns; null if nothing is.</summary>
    protected static string? SizeProblem(long? height, long? width, OutputSpec spec, SamplingGrid image)
    {
        var found = $"is {Shown(height)} x {Shown(width)} pixels (height x width); the manifest's ";
        if (spec.Resolution is [var rows, var columns])
            return (height ?? rows) == rows && (width ?? columns) == columns ? null : $"{found}resolution is {rows} x {columns}.";
        if (IsFraction(height ?? image.Height, width ?? image.Width, image)) return null;
        return $"{found}image is {image.Height} x {image.Width}, and it is no whole fraction of that; if it covers the same image, say so "
            + "by the output's field resolution.";

        static string Shown(long? size) => size?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "any";
    }

    // A network rounds up where a side is no multiple of its stride, or down, but both sides alike.
    private static bool IsFraction(long height, long width, SamplingGrid image)
    {
        if (height < 1 || width < 1 || height > image.Height || width > image.Width) return false;
        for (long stride = 1; stride <= Math.Max(image.Height, image.Width); stride++)
            if (Fits(stride)) return true;
        return false;

        bool Fits(long by) => (height, width) == (image.Height / by, image.Width / by)
            || (height, width) == ((image.Height + by - 1) / by, (image.Width + by - 1) / by);
    }
}
