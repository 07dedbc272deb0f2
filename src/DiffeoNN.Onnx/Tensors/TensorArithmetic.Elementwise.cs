using TorchSharp;

namespace DiffeoNN.Onnx.Tensors;

internal static partial class TensorArithmetic
{
    /// <summary>Each element divided by a number.</summary>
    public static torch.Tensor DividedBy(this torch.Tensor a, double number)
    {
        using Scalar scalar = number;
        return a.div(scalar);
    }

    /// <summary>Where elements are greater than a number.</summary>
    public static torch.Tensor Above(this torch.Tensor a, double number)
    {
        using Scalar scalar = number;
        return a.gt(scalar);
    }

    /// <summary>Where elements are less than a number.</summary>
    public static torch.Tensor Below(this torch.Tensor a, double number)
    {
        using Scalar scalar = number;
        return a.lt(scalar);
    }

    /// <summary>Each element plus a whole number: integers stay integers.</summary>
    public static torch.Tensor PlusWhole(this torch.Tensor a, long number)
    {
        using Scalar scalar = number;
        return a.add(scalar, One);
    }

    /// <summary>Each element moved into a range of whole numbers.</summary>
    public static torch.Tensor BetweenWhole(this torch.Tensor a, long lowest, long highest)
    {
        using Scalar low = lowest, high = highest;
        return a.clamp(low, high);
    }

    /// <summary>x where positive, slope * x elsewhere.</summary>
    public static torch.Tensor LeakyRelu(this torch.Tensor a, double slope)
    {
        using Scalar scalar = slope;
        return a.leaky_relu(scalar);
    }

    /// <summary>scale * x where positive, scale * alpha * (exp x - 1) elsewhere.</summary>
    public static torch.Tensor ExponentialLinear(this torch.Tensor a, double alpha, double scale)
    {
        using Scalar first = alpha, second = scale;
        return a.elu(first, second, One);
    }

    /// <summary>max(0, x) + min(0, alpha * (exp(x / alpha) - 1)).</summary>
    public static torch.Tensor ContinuousExponentialLinear(this torch.Tensor a, double alpha)
    {
        using Scalar scalar = alpha;
        return a.celu(scalar);
    }

    /// <summary>A copy with source's slices added at indices (one axis, an index may come twice).</summary>
    public static torch.Tensor WithAdded(this torch.Tensor a, long axis, torch.Tensor indices, torch.Tensor source) =>
        a.index_add(axis, indices, source, One);
}
