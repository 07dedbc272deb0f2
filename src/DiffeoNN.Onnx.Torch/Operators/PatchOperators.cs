using DiffeoNN.Onnx.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Torch.Operators;

/// <summary>Operators that take images apart into patches, or put them together.</summary>
internal static class PatchOperators
{
    public static IReadOnlyList<TorchOperator> All { get; } =
    [
        new("DeformConv", 19, DeformConv),
        new("Col2Im", 18, Col2Im),
    ];

    /// <summary>A convolution whose kernel elements are moved by an offset at every place and weighed by a mask:
    /// sampled patches times the weights.</summary>
    private static Tensor DeformConv(TorchNode n)
    {
        var (x, weights) = (n.X, n.Input(1));
        var window = TorchWindow.Of(n, weights.shape[2..]);
        var (groups, parts, rank) = (n.Int("group", 1), n.Int("offset_group", 1), window.Rank);
        var (batch, channels, elements) = (x.shape[0], x.shape[1], Product(window.Kernel));
        var places = Product(window.Steps);
        // Every group of channels with offsets of its own is an image of its own.
        var images = x.reshape([batch * parts, channels / parts, .. x.shape[2..]]);
        var offsets = n.Input(2).reshape(batch * parts, elements, rank, places);
        TorchTap[][] axes = [.. Enumerable.Range(0, rank).Select(axis =>
        {
            var start = Starts(window, axis, x.dtype, x.device);
            return TorchTap.Of(offsets.select(2, axis).Plus(start).flatten(1), x.shape[axis + 2], "linear");
        })];
        var patches = TorchTap.Sample(images, axes).reshape(batch, parts, channels / parts, elements, places);
        if (n.Optional(4) is { } mask) patches = patches.mul(mask.reshape(batch, parts, 1, elements, places));
        var rows = patches.reshape(batch, groups, channels / groups * elements, places);
        var result =
            weights.reshape(groups, weights.shape[0] / groups, -1).MatrixProduct(rows).reshape([batch, weights.shape[0], .. window.Steps]);
        return n.Optional(3) is { } bias ? result.Plus(bias.reshape([-1, .. Enumerable.Repeat(1L, rank)])) : result;
    }

    /// <summary>Where the kernel's elements lie along an axis before they are moved: (kernel elements, places).</summary>
    private static Tensor Starts(TorchWindow window, int axis, ScalarType type, Device device)
    {
        var kernel = Coordinates(window.Kernel, axis).Select(k => (double)((k * window.Dilations[axis]) - window.Begin[axis])).ToArray();
        var steps = Coordinates(window.Steps, axis).Select(s => (double)(s * window.Strides[axis])).ToArray();
        return tensor(kernel, dtype: type, device: device).unsqueeze(1).Plus(tensor(steps, dtype: type, device: device));
    }

    /// <summary>Adds every patch up at its place.</summary>
    private static Tensor Col2Im(TorchNode n)
    {
        var (image, block) = (n.Integers(1), n.Integers(2));
        var rank = image.Length;
        long[] ones = [.. Enumerable.Repeat(1L, rank)];
        var (strides, dilations, pads) = (n.Ints("strides") ?? ones, n.Ints("dilations") ?? ones, n.Ints("pads") ?? new long[2 * rank]);
        long[] padded = [.. image.Select((size, i) => size + pads[i] + pads[i + rank])];
        long[] steps = [.. padded.Select((size, i) => ((size - ((block[i] - 1) * dilations[i]) - 1) / strides[i]) + 1)];
        var (batch, elements, places) = (n.X.shape[0], Product(block), Product(steps));
        var channels = n.X.shape[1] / elements;
        // Places in the padded image, (elements of a block, blocks).
        var index = zeros([elements, places], dtype: ScalarType.Int64, device: n.Device);
        for (var i = 0; i < rank; i++)
        {
            var within = tensor(Coordinates(block, i).Select(k => k * dilations[i]).ToArray(), device: n.Device).unsqueeze(1);
            var start = tensor(Coordinates(steps, i).Select(s => s * strides[i]).ToArray(), device: n.Device);
            index = index.TimesWhole(padded[i]).Plus(within.Plus(start));
        }

        var sums = zeros([batch, channels, Product(padded)], dtype: n.X.dtype, device: n.Device)
            .scatter_add(2, index.flatten().expand([batch, channels, elements * places]), n.X.reshape(batch, channels, -1));
        return sums.reshape([batch, channels, .. padded]).Padded(
            2, [.. pads.Take(rank).Select(p => -p)], [.. pads.Skip(rank).Select(p => -p)]);
    }

    private static long Product(long[] sizes) => sizes.Aggregate(1L, (a, b) => a * b);

    /// <summary>One coordinate of every element of a box, row by row.</summary>
    private static IEnumerable<long> Coordinates(long[] sizes, int axis)
    {
        var inner = Product(sizes[(axis + 1)..]);
        return Enumerable.Range(0, (int)Product(sizes)).Select(i => i / inner % sizes[axis]);
    }
}
