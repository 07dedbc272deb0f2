using TorchSharp;

namespace DiffeoNN.Onnx.Tensors;

/// <summary>Arithmetic of tensors with numbers, and sums of tensors, that the garbage collector cannot disturb.</summary>
/// <remarks>
/// TorchSharp passes numbers (and the factor 1 of a sum) as objects with a finaliser, of which it hands only the pointer to libtorch. A
/// collection during the call may free the number before libtorch reads it, which shows rarely, as a wrong result or an exception about a
/// type. Here each such object lives until the call is over. A test keeps the library to these methods.
/// </remarks>
internal static partial class TensorArithmetic
{
    // Reachable for ever, so never finalised.
    private static readonly Scalar One = 1;

    /// <summary>a + b, with broadcasting.</summary>
    public static torch.Tensor Plus(this torch.Tensor a, torch.Tensor b) => a.add(b, One);

    /// <summary>a + b, with broadcasting, in place of a.</summary>
    public static torch.Tensor AddInPlace(this torch.Tensor a, torch.Tensor b) => a.add_(b, One);

    /// <summary>a + factor * b, with broadcasting, in place of a.</summary>
    public static torch.Tensor AddInPlace(this torch.Tensor a, torch.Tensor b, double factor)
    {
        using Scalar scalar = factor;
        return a.add_(b, scalar);
    }

    /// <summary>Each element plus a number.</summary>
    public static torch.Tensor Plus(this torch.Tensor a, double number)
    {
        using Scalar scalar = number;
        return a.add(scalar, One);
    }

    /// <summary>Each element plus a number, in place.</summary>
    public static torch.Tensor AddInPlace(this torch.Tensor a, double number)
    {
        using Scalar scalar = number;
        return a.add_(scalar, One);
    }

    /// <summary>Each element times a number.</summary>
    public static torch.Tensor Times(this torch.Tensor a, double number)
    {
        using Scalar scalar = number;
        return a.mul(scalar);
    }

    /// <summary>Each element times a number, in place.</summary>
    public static torch.Tensor MultiplyInPlace(this torch.Tensor a, double number)
    {
        using Scalar scalar = number;
        return a.mul_(scalar);
    }

    /// <summary>a + factor * b * c, element by element, in place of a.</summary>
    public static torch.Tensor AddProductInPlace(this torch.Tensor a, torch.Tensor b, torch.Tensor c, double factor)
    {
        using Scalar scalar = factor;
        return a.addcmul_(b, c, scalar);
    }

    /// <summary>a + factor * b / c, element by element, in place of a.</summary>
    public static torch.Tensor AddQuotientInPlace(this torch.Tensor a, torch.Tensor b, torch.Tensor c, double factor)
    {
        using Scalar scalar = factor;
        return a.addcdiv_(b, c, scalar);
    }

    /// <summary>Each element times itself.</summary>
    public static torch.Tensor Squared(this torch.Tensor a) => a.mul(a);

    /// <summary>A tensor like another, filled with one number.</summary>
    public static torch.Tensor FilledLike(this torch.Tensor like, double number)
    {
        using Scalar scalar = number;
        return torch.full_like(like, scalar);
    }

    /// <summary>Where elements are at most a number.</summary>
    public static torch.Tensor AtMost(this torch.Tensor a, double number)
    {
        using Scalar scalar = number;
        return a.le(scalar);
    }

    /// <summary>Each element moved into a range.</summary>
    public static torch.Tensor Between(this torch.Tensor a, double lowest, double highest)
    {
        using Scalar low = lowest, high = highest;
        return a.clamp(low, high);
    }
}
