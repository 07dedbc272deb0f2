using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Torch.Operators;

/// <summary>Values as small integers, and back; scales by tensor, by slice along an axis, or by block of slices.</summary>
internal static class QuantisationOperators
{
    public static IReadOnlyList<TorchOperator> All { get; } =
    [
        new("QuantizeLinear", 16, Quantise),
        new("DequantizeLinear", 16, Dequantise),
        new("DynamicQuantizeLinear", 16, QuantiseDynamically),
    ];

    private static Tensor Quantise(TorchNode n)
    {
        var type = n.Int("output_dtype", 0) != 0
            ? CreationOperators.TypeAt(n, "output_dtype")
            : n.Has(2) ? n.Input(2).dtype : ScalarType.Byte;
        var scale = Spread(n, n.Input(1)).to(n.X.is_floating_point() ? n.X.dtype : n.Input(1).dtype);
        var result = n.X.to(scale.dtype).div(scale).round().to(ScalarType.Float64);
        if (n.Has(2)) result = result.Plus(Spread(n, n.Input(2)).to(ScalarType.Float64));
        // 16 bits without sign are carried by 32 with one.
        var (lowest, highest) = type switch
        {
            ScalarType.Byte => (0, 255),
            ScalarType.Int8 => (-128, 127),
            ScalarType.Int16 => (short.MinValue, short.MaxValue),
            ScalarType.Int32 => (0, ushort.MaxValue),
            _ => throw n.Refuse($"quantises to {type.ToString().ToLowerInvariant()}, which the torch engine does not"),
        };
        return result.Between(lowest, highest).to(type);
    }

    private static Tensor Dequantise(TorchNode n)
    {
        var scale = n.Input(1);
        var centred = n.X.to(scale.dtype == ScalarType.Float64 || n.X.dtype == ScalarType.Int32 ? ScalarType.Float64 : ScalarType.Float32);
        if (n.Has(2)) centred = centred.Minus(Spread(n, n.Input(2)).to(centred.dtype));
        var type = n.Int("output_dtype", 0) != 0 ? CreationOperators.TypeAt(n, "output_dtype") : scale.dtype;
        return centred.mul(Spread(n, scale).to(centred.dtype)).to(type);
    }

    /// <summary>To 8 bits, with the scale and zero point that the values' range, zero included, asks for.</summary>
    private static IReadOnlyList<Tensor?> QuantiseDynamically(TorchNode n)
    {
        var (low, high) = (n.X.min().Between(double.NegativeInfinity, 0), n.X.max().Between(0, double.PositiveInfinity));
        var scale = high.Minus(low).DividedBy(255);
        var divisor = where(scale.AtMost(0), ones_like(scale), scale);
        var zero = low.neg().div(divisor).Between(0, 255).round();
        return [n.X.div(divisor).round().Plus(zero).Between(0, 255).to(ScalarType.Byte), scale, zero.to(ScalarType.Byte)];
    }

    /// <summary>A scale or zero point in a shape that the input's broadcasts with.</summary>
    private static Tensor Spread(TorchNode n, Tensor value)
    {
        if (value.NumberOfElements == 1) return value.reshape([]);
        var rank = (int)n.X.dim();
        var (axis, block) = (n.Axis(n.Int("axis", 1), rank), n.Int("block_size", 0));
        if (block == 0) return value.reshape([.. Enumerable.Range(0, rank).Select(d => d == axis ? -1L : 1)]);
        return value.repeat_interleave(block, axis).narrow(axis, 0, n.X.shape[axis]);
    }
}
