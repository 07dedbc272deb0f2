namespace DiffeoNN.Onnx.Gradients;

/// <summary>Rearranges constants while the graph is compiled.</summary>
internal static class TensorTransforms
{
    /// <summary>Axis d of the result is axis order[d] of the tensor.</summary>
    public static OnnxTensor Transpose(OnnxTensor tensor, IReadOnlyList<int> order)
    {
        var strides = Strides(tensor.Dimensions);
        return Gather(tensor, [.. order.Select(o => tensor.Dimensions[o])], [.. order.Select(o => strides[o])], 0);
    }

    /// <summary>Reverses the order along axes.</summary>
    public static OnnxTensor Flip(OnnxTensor tensor, IEnumerable<int> axes)
    {
        var strides = Strides(tensor.Dimensions);
        var offset = 0L;
        foreach (var axis in axes)
        {
            offset += strides[axis] * (tensor.Dimensions[axis] - 1);
            strides[axis] = -strides[axis];
        }

        return Gather(tensor, [.. tensor.Dimensions], strides, offset);
    }

    /// <summary>Elements from <paramref name="start"/> up to but not including <paramref name="end"/> of one axis.</summary>
    public static OnnxTensor Slice(OnnxTensor tensor, int axis, long start, long end)
    {
        var strides = Strides(tensor.Dimensions);
        return Gather(tensor, [.. tensor.Dimensions.Select((d, i) => i == axis ? end - start : d)], strides, start * strides[axis]);
    }

    /// <summary>Multiplies each slice along the first axis by its factor.</summary>
    public static OnnxTensor Scale(OnnxTensor tensor, ReadOnlySpan<double> factors)
    {
        var values = tensor.ToDoubleArray();
        var inner = values.Length / Math.Max(1, factors.Length);
        for (var i = 0; i < values.Length; i++)
            values[i] *= factors[i / inner];
        return OnnxTensor.FromDoubles("", tensor.ElementType, tensor.Dimensions, values);
    }

    /// <summary>Joins tensors along the first axis.</summary>
    public static OnnxTensor Join(IReadOnlyList<OnnxTensor> tensors)
    {
        byte[] bytes = [.. tensors.SelectMany(t => t.Data.ToArray())];
        return new OnnxTensor("", tensors[0].ElementType, [tensors.Sum(t => t.Dimensions[0]), .. tensors[0].Dimensions.Skip(1)], bytes);
    }

    /// <summary>Reads a tensor of the given shape at offset + index · strides.</summary>
    private static OnnxTensor Gather(OnnxTensor tensor, long[] shape, long[] strides, long offset)
    {
        var width = (int)tensor.ElementType.ByteCount(1);
        var source = tensor.Data.Span;
        var target = new byte[shape.Aggregate(1L, (a, b) => a * b) * width];
        var index = new long[shape.Length];
        var position = offset;
        for (var written = 0; written < target.Length; written += width)
        {
            source.Slice((int)position * width, width).CopyTo(target.AsSpan(written));
            for (var d = shape.Length - 1; d >= 0; d--)
            {
                position += strides[d];
                if (++index[d] < shape[d])
                    break;
                position -= strides[d] * shape[d];
                index[d] = 0;
            }
        }

        return new OnnxTensor("", tensor.ElementType, shape, target);
    }

    private static long[] Strides(IReadOnlyList<long> shape)
    {
        var strides = new long[shape.Count];
        var stride = 1L;
        for (var d = shape.Count - 1; d >= 0; d--)
        {
            strides[d] = stride;
            stride *= shape[d];
        }

        return strides;
    }
}
