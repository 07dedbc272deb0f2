using DiffeoNN.Onnx.Tensors;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace DiffeoNN.Onnx.Torch.Operators;

/// <summary>Convolutions in one, two and three dimensions.</summary>
internal static class ConvolutionOperators
{
    public static IReadOnlyList<TorchOperator> All { get; } =
    [
        new("Conv", 16, Conv),
        new("ConvTranspose", 16, ConvTranspose),
    ];

    private static Tensor Conv(TorchNode n)
    {
        var (weights, bias, groups) = (n.Input(1), n.Optional(2), n.Int("group", 1));
        var window = TorchWindow.Of(n, weights.shape[2..]);
        // libtorch pads both ends alike and drops by itself what the last window does not reach.
        var isEven = Enumerable.Range(0, window.Rank).All(i => window.Begin[i] == window.End[i] && window.Begin[i] >= 0);
        var (x, pads) = isEven ? (n.X, window.Begin) : (window.Around(n.X, 0), new long[window.Rank]);
        return window.Rank switch
        {
            1 => conv1d(x, weights, bias, window.Strides[0], pads[0], window.Dilations[0], groups),
            2 => conv2d(x, weights, bias, window.Strides, pads, window.Dilations, groups),
            3 => conv3d(x, weights, bias, window.Strides, pads, window.Dilations, groups),
            _ => throw n.Refuse($"has {window.Rank} spatial axes; libtorch convolves 1 to 3"),
        };
    }

    /// <summary>Without padding first, so that output padding of any size and wanted output shapes are a matter of cutting and filling;
    /// the bias fills too.</summary>
    private static Tensor ConvTranspose(TorchNode n)
    {
        var (weights, groups) = (n.Input(1), n.Int("group", 1));
        var rank = (int)n.X.dim() - 2;
        var window = TorchWindow.Transposed(n, weights.shape[2..], n.Ints("output_padding") ?? new long[rank]);
        var full = rank switch
        {
            1 => conv_transpose1d(n.X, weights, null, window.Strides[0], 0, 0, window.Dilations[0], groups),
            2 => conv_transpose2d(n.X, weights, null, window.Strides, [0, 0], [0, 0], window.Dilations, groups),
            3 => conv_transpose3d(n.X, weights, null, window.Strides, [0, 0, 0], [0, 0, 0], window.Dilations, groups),
            _ => throw n.Refuse($"has {rank} spatial axes; libtorch convolves 1 to 3"),
        };
        long[] cutBefore = [.. window.Begin.Select(begin => -begin)];
        long[] fillBehind = [.. window.Steps.Select((size, i) => size + window.Begin[i] - full.shape[i + 2])];
        var result = full.Padded(2, cutBefore, fillBehind);
        return n.Optional(2) is { } bias ? result.Plus(bias.reshape([-1, .. Enumerable.Repeat(1L, rank)])) : result;
    }
}
