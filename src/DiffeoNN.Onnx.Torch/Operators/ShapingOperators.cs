using DiffeoNN.Onnx.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Torch.Operators;

/// <summary>Operators that arrange elements anew.</summary>
internal static class ShapingOperators
{
    public static IReadOnlyList<TorchOperator> All { get; } =
    [
        new("Reshape", 16, Reshape),
        new("Flatten", 16, Flatten),
        new("Squeeze", 16, Squeeze),
        new("Unsqueeze", 16, Unsqueeze),
        new("Transpose", 16,
            n => n.X.permute(n.Ints("perm") ?? [.. Enumerable.Range(0, (int)n.X.dim()).Reverse().Select(axis => (long)axis)])),
        new("Expand", 16, Expand),
        new("Tile", 16, n => n.X.dim() == 0 ? n.X : n.X.repeat(n.Integers(1))),
        new("Concat", 16, n => cat([.. n.Inputs], n.Axis(n.Int("axis", 0), n.X.dim()))),
        new("Split", 16, Split),
        new("Slice", 16, Slice),
        new("DepthToSpace", 16, DepthToSpace),
        new("SpaceToDepth", 16, SpaceToDepth),
        new("Trilu", 16, Trilu),
        new("Dropout", 16, Dropout),
    ];

    private static Tensor Reshape(TorchNode n)
    {
        var shape = n.Integers(1);
        if (n.Int("allowzero", 0) == 0)
        {
            for (var i = 0; i < shape.Length; i++)
            {
                if (shape[i] != 0) continue;
                shape[i] = i < n.X.dim() ? n.X.shape[i] : throw n.Refuse($"keeps size {i} of an input of {n.X.dim()} dimensions");
            }
        }

        var free = Array.IndexOf(shape, -1);
        // libtorch refuses to find a size beside one of 0.
        if (free >= 0 && n.X.NumberOfElements == 0)
        {
            var others = shape.Where((_, i) => i != free).Aggregate(1L, (a, b) => a * b);
            shape[free] = others == 0 ? 0 : n.X.NumberOfElements / others;
        }

        return n.X.reshape(shape);
    }

    private static Tensor Flatten(TorchNode n)
    {
        var axis = n.Int("axis", 1);
        if (axis < 0) axis += n.X.dim();
        var rows = n.X.shape.Take((int)axis).Aggregate(1L, (a, b) => a * b);
        var columns = n.X.shape.Skip((int)axis).Aggregate(1L, (a, b) => a * b);
        return n.X.reshape(rows, columns);
    }

    private static Tensor Squeeze(TorchNode n)
    {
        var axes = n.IntegersOf("axes", 1)?.Select(axis => n.Axis(axis, n.X.dim())).ToHashSet();
        if (axes?.FirstOrDefault(axis => n.X.shape[axis] != 1, -1) is { } wrong and >= 0)
            throw n.Refuse($"removes axis {wrong}, whose size is {n.X.shape[wrong]} instead of 1");
        return n.X.reshape([.. n.X.shape.Where((size, axis) => axes is null ? size != 1 : !axes.Contains(axis))]);
    }

    private static Tensor Unsqueeze(TorchNode n)
    {
        var given = n.IntegersOf("axes", 1) ?? [];
        var x = n.X;
        foreach (var axis in given.Select(axis => n.Axis(axis, n.X.dim() + given.Length)).Order())
            x = x.unsqueeze(axis);
        return x;
    }

    /// <summary>Broadcasting both ways: a size of 1 in the wanted shape keeps the input's.</summary>
    private static Tensor Expand(TorchNode n)
    {
        var wanted = n.Integers(1);
        var rank = Math.Max(wanted.Length, (int)n.X.dim());
        long Of(long[] shape, int axis) => axis < rank - shape.Length ? 1 : shape[axis - (rank - shape.Length)];
        return n.X.expand([.. Enumerable.Range(0, rank).Select(axis => Of(n.X.shape, axis) == 1 ? Of(wanted, axis) : Of(n.X.shape, axis))]);
    }

    private static IReadOnlyList<Tensor?> Split(TorchNode n)
    {
        var axis = n.Axis(n.Int("axis", 0), n.X.dim());
        var size = n.X.shape[axis];
        // Without sizes all parts are equal; from version 18 on the last may be smaller.
        var part = (size + n.Node.Outputs.Count - 1) / n.Node.Outputs.Count;
        var sizes = n.IntegersOf("split", 1)
            ?? [.. Enumerable.Range(0, n.Node.Outputs.Count).Select(i => Math.Clamp(size - (i * part), 0, part))];
        if (sizes.Sum() != size) throw n.Refuse($"splits an axis of size {size} into parts of {string.Join(", ", sizes)}");
        return [.. sizes.Select((length, i) => n.X.narrow(axis, sizes.Take(i).Sum(), length))];
    }

    private static Tensor Slice(TorchNode n)
    {
        var (starts, ends) = (n.Integers(1), n.Integers(2));
        var axes = n.Has(3) ? n.Integers(3) : [.. Enumerable.Range(0, starts.Length).Select(i => (long)i)];
        var steps = n.Has(4) ? n.Integers(4) : [.. starts.Select(_ => 1L)];
        var x = n.X;
        for (var i = 0; i < axes.Length; i++)
        {
            var axis = n.Axis(axes[i], x.dim());
            var (size, step) = (x.shape[axis], steps[i]);
            if (step == 0) throw n.Refuse("has a step of 0");
            // Backwards, -1 stands for the place before the first element.
            var (lowest, highest) = step > 0 ? (0, size) : (-1, size - 1);
            long Place(long place, long low) => Math.Clamp(place < 0 ? place + size : place, low, highest);
            var (start, end) = (Place(starts[i], Math.Min(lowest + (step > 0 ? 0 : 1), highest)), Place(ends[i], lowest));
            var count = Math.Max(0, step > 0 ? (end - start + step - 1) / step : (start - end - step - 1) / -step);
            if (count == 0) x = x.narrow(axis, 0, 0);
            else if (step > 0) x = x.slice(axis, start, end, step);
            else x = x.slice(axis, start + ((count - 1) * step), start + 1, -step).flip(axis);
        }

        return x;
    }

    private static Tensor DepthToSpace(TorchNode n)
    {
        var block = n.Int("blocksize", 1);
        var (batch, depth, height, width) = (n.X.shape[0], n.X.shape[1] / (block * block), n.X.shape[2], n.X.shape[3]);
        var parts = n.Text("mode", "DCR") == "CRD"
            ? n.X.reshape(batch, depth, block, block, height, width).permute(0, 1, 4, 2, 5, 3)
            : n.X.reshape(batch, block, block, depth, height, width).permute(0, 3, 4, 1, 5, 2);
        return parts.reshape(batch, depth, height * block, width * block);
    }

    private static Tensor SpaceToDepth(TorchNode n)
    {
        var block = n.Int("blocksize", 1);
        var (batch, depth, height, width) = (n.X.shape[0], n.X.shape[1], n.X.shape[2] / block, n.X.shape[3] / block);
        return n.X.reshape(batch, depth, height, block, width, block).permute(0, 3, 5, 1, 2, 4).reshape(
            batch, depth * block * block, height, width);
    }

    private static Tensor Trilu(TorchNode n)
    {
        var k = n.Has(1) ? n.Integers(1)[0] : 0;
        return n.Int("upper", 1) != 0 ? n.X.triu(k) : n.X.tril(k);
    }

    /// <summary>Nothing is dropped unless the model asks for training; then what is dropped depends on libtorch's generator.</summary>
    private static IReadOnlyList<Tensor?> Dropout(TorchNode n)
    {
        var ratio = n.Has(1) ? n.Numbers(1)[0] : 0.5;
        if (!n.Has(2) || n.Numbers(2)[0] == 0 || ratio == 0) return [n.X, n.Wants(1) ? ones_like(n.X, ScalarType.Bool) : null];
        var kept = rand(n.X.shape, dtype: ScalarType.Float32, device: n.Device).Above(ratio);
        return [n.X.mul(kept.to(n.X.dtype)).DividedBy(1 - ratio), kept];
    }
}
