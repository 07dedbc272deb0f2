using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Inference;

/// <summary>Images of the bundle's size and channels as a network with a size or channels of its own takes them:
/// where the images they came from are no longer there.</summary>
/// <param name="format">What the network takes.</param>
/// <param name="image">What the images are.</param>
internal sealed class NetworkPixels(InputFormat format, ImageSpec image)
{
    /// <summary>Converts a batch.</summary>
    /// <param name="images">(N, C, H, W), float32, values in [0, 1].</param>
    /// <returns>(N, c, h, w); the images themselves where nothing differs. It joins the caller's dispose scope.</returns>
    public torch.Tensor Of(torch.Tensor images)
    {
        if (!format.HasOwnPixels) return images;
        using var scope = torch.NewDisposeScope();
        var value = images;
        if (image.Channels > format.Channels)
            value = (value * torch.tensor(ImageBuffer.Luma.ToArray(), device: value.device).view(1, -1, 1, 1)).sum(1, keepdim: true);
        if (image.Height != format.Height)
            value = Matrix(image.Height, format.Height, false, value.device).MatrixProduct(value);
        if (image.Width != format.Width)
            value = value.MatrixProduct(Matrix(image.Width, format.Width, true, value.device));
        if (image.Channels < format.Channels) value = value.expand(-1, format.Channels, -1, -1);
        return value.contiguous().MoveToOuterDisposeScope();
    }

    private static torch.Tensor Matrix(int source, int target, bool transposed, torch.Device device) =>
        torch.tensor(ImageResampler.Matrix(source, target, transposed), device: device)
            .view(transposed ? [source, target] : [target, source]);
}
