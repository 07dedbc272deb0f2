using TorchSharp;

namespace DiffeoNN.Onnx.Tensors;

/// <summary>What layers of networks need: differences, powers, padding, scattered sums.</summary>
internal static partial class TensorArithmetic
{
    private static readonly Scalar MinusOne = -1;

    /// <summary>a - b, with broadcasting.</summary>
    public static torch.Tensor Minus(this torch.Tensor a, torch.Tensor b) => a.add(b, MinusOne);

    /// <summary>Each element raised to a power.</summary>
    public static torch.Tensor RaisedTo(this torch.Tensor a, double exponent)
    {
        using Scalar scalar = exponent;
        return a.pow(scalar);
    }

    /// <summary>Each element times a whole number: integers stay integers.</summary>
    public static torch.Tensor TimesWhole(this torch.Tensor a, long number)
    {
        using Scalar scalar = number;
        return a.mul(scalar);
    }

    /// <summary>What is left of each element divided by a positive whole number; from 0 up to less than that number.</summary>
    public static torch.Tensor RemainderOf(this torch.Tensor a, long divisor)
    {
        using Scalar scalar = divisor;
        return a.remainder(scalar);
    }

    /// <summary>A copy with elements of one value around it, or less where numbers are negative.</summary>
    /// <param name="a">Any tensor.</param>
    /// <param name="axis">The first axis that <paramref name="begin"/> and <paramref name="end"/> speak of; they reach to the last.</param>
    /// <param name="begin">Elements before each axis.</param>
    /// <param name="end">Elements after each axis.</param>
    /// <param name="value">What they hold.</param>
    public static torch.Tensor Padded(this torch.Tensor a, int axis, long[] begin, long[] end, double value = 0)
    {
        if (Array.TrueForAll(begin, b => b == 0) && Array.TrueForAll(end, e => e == 0)) return a;
        if (axis + begin.Length != a.dim())
            throw new ArgumentException($"{begin.Length} pairs of padding from axis {axis} on do not fit {a.dim()} dimensions.");
        // libtorch counts axes from the last one.
        return torch.nn.functional.pad(a, [.. begin.Zip(end).Reverse().SelectMany(pair => new[] { pair.First, pair.Second })],
            PaddingModes.Constant, value);
    }

    /// <summary>A tensor of a shape, filled with one number.</summary>
    public static torch.Tensor Filled(long[] shape, double number, torch.ScalarType type, torch.Device device)
    {
        using Scalar scalar = number;
        return torch.full(shape, scalar, dtype: type, device: device);
    }

    /// <summary>0, 1, 2, ... as 64-bit integers.</summary>
    public static torch.Tensor Count(long size, torch.Device device)
    {
        using Scalar stop = size;
        return torch.arange(stop, dtype: torch.ScalarType.Int64, device: device);
    }

    /// <summary>Each element, moved up to a number where it is less.</summary>
    public static torch.Tensor AtLeastNumber(this torch.Tensor a, double lowest)
    {
        using Scalar scalar = lowest;
        return a.clamp_min(scalar);
    }
}
