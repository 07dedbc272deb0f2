using DiffeoNN.Onnx.Bundles;
using TorchSharp;

namespace DiffeoNN.Onnx.Inference;

/// <summary>Pixel values to what the networks were trained on: (value - mean) / std, channel by channel.</summary>
internal sealed class Preprocessing(ImageSpec image)
{
    private readonly float[] _mean = [.. image.Mean.Select(value => (float)value)];
    private readonly float[] _std = [.. image.Std.Select(value => (float)value)];
    private readonly bool _isIdentity = image.IsIdentity();

    /// <summary>Shape (N, C, H, W) to the same; the images themselves where there is nothing to do.</summary>
    public torch.Tensor Apply(torch.Tensor images)
    {
        if (_isIdentity) return images.contiguous();
        var mean = torch.tensor(_mean, device: images.device).view(1, -1, 1, 1);
        var std = torch.tensor(_std, device: images.device).view(1, -1, 1, 1);
        return ((images - mean) / std).contiguous();
    }
}
