using DiffeoNN.Onnx.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Torch.Operators;

/// <summary>Arithmetic, functions of one number, comparisons and logic, element by element with broadcasting.</summary>
internal static class ElementwiseOperators
{
    public static IReadOnlyList<TorchOperator> All { get; } =
    [
        new("Identity", 16, n => n.X),
        new("Add", 16, n => n.X.Plus(n.Input(1))),
        new("Sub", 16, n => n.X.Minus(n.Input(1))),
        new("Mul", 16, n => n.X.mul(n.Input(1))),
        new("Div", 16, Divide),
        new("Mod", 16, n => n.Int("fmod", 0) == 1 ? n.X.fmod(Positive(n.Input(1))) : n.X.remainder(Positive(n.Input(1)))),
        new("Pow", 16, Power),
        new("Max", 16, n => n.Inputs.Aggregate(maximum)),
        new("Min", 16, n => n.Inputs.Aggregate(minimum)),
        new("Sum", 16, n => n.Inputs.Aggregate((a, b) => a.Plus(b))),
        new("Mean", 16, n => n.Inputs.Aggregate((a, b) => a.Plus(b)).DividedBy(n.Inputs.Count())),
        new("Neg", 16, n => n.X.neg()),
        new("Abs", 16, n => n.X.abs()),
        new("Reciprocal", 16, n => n.X.reciprocal()),
        new("Sqrt", 16, n => n.X.sqrt()),
        new("Exp", 16, n => n.X.exp()),
        new("Log", 16, n => n.X.log()),
        new("Erf", 16, n => n.X.erf()),
        new("Sin", 16, n => n.X.sin()),
        new("Cos", 16, n => n.X.cos()),
        new("Tan", 16, n => n.X.tan()),
        new("Asin", 16, n => n.X.asin()),
        new("Acos", 16, n => n.X.acos()),
        new("Atan", 16, n => n.X.atan()),
        new("Sinh", 16, n => n.X.sinh()),
        new("Cosh", 16, n => n.X.cosh()),
        new("Tanh", 16, n => n.X.tanh()),
        new("Asinh", 16, n => n.X.asinh()),
        new("Acosh", 16, n => n.X.acosh()),
        new("Atanh", 16, n => n.X.atanh()),
        new("Ceil", 16, n => n.X.ceil()),
        new("Floor", 16, n => n.X.floor()),
        // libtorch rounds halves to even, as the operator does.
        new("Round", 16, n => n.X.round()),
        new("Sign", 16, n => n.X.sign()),
        new("Clip", 16, n => n.Has(1) || n.Has(2) ? n.X.clamp(n.Optional(1)!, n.Optional(2)!) : n.X),
        new("Where", 16, n => where(n.X.to(ScalarType.Bool), n.Input(1), n.Input(2))),
        new("Equal", 16, n => n.X.eq(n.Input(1))),
        new("Less", 16, n => n.X.lt(n.Input(1))),
        new("LessOrEqual", 16, n => n.X.le(n.Input(1))),
        new("Greater", 16, n => n.X.gt(n.Input(1))),
        new("GreaterOrEqual", 16, n => n.X.ge(n.Input(1))),
        new("And", 16, n => n.X.logical_and(n.Input(1))),
        new("Or", 16, n => n.X.logical_or(n.Input(1))),
        new("Xor", 16, n => n.X.logical_xor(n.Input(1))),
        new("Not", 16, n => n.X.logical_not()),
        new("IsNaN", 16, n => n.X.isnan()),
        new("IsInf", 16, IsInfinite),
        new("BitShift", 16,
            n => n.Text("direction", "") == "LEFT" ? n.X.bitwise_left_shift(n.Input(1)) : n.X.bitwise_right_shift(n.Input(1))),
        new("BitwiseAnd", 18, n => n.X.bitwise_and(n.Input(1))),
        new("BitwiseOr", 18, n => n.X.bitwise_or(n.Input(1))),
        new("BitwiseXor", 18, n => n.X.bitwise_xor(n.Input(1))),
        new("BitwiseNot", 18, n => n.X.bitwise_not()),
    ];

    /// <summary>Whole numbers divide towards zero. Quotients by -1 are taken by changing the sign,
    /// which wraps around at the lowest.</summary>
    private static Tensor Divide(TorchNode n)
    {
        var (a, b) = (n.X, n.Input(1));
        if (a.is_floating_point()) return a.div(b);
        var divisor = Positive(b);
        var quotient = a.div(divisor, RoundingMode.trunc);
        return ReferenceEquals(divisor, b) ? quotient : where(divisor.eq(b), quotient, a.neg());
    }

    /// <summary>
    /// Divisors with 1 for -1, which leaves the same remainders: the processor ends the process where the lowest number is divided by -1.
    /// </summary>
    private static Tensor Positive(Tensor divisor) => divisor.dtype is not (ScalarType.Int32 or ScalarType.Int64) ? divisor
        : where(divisor.eq(divisor.FilledLike(-1)), divisor.FilledLike(1), divisor);

    /// <summary>The result has the base's type, whatever the exponent's is.</summary>
    private static Tensor Power(TorchNode n)
    {
        var (x, exponent) = (n.X, n.Input(1));
        if (x.dtype == exponent.dtype) return x.pow(exponent);
        return x.is_floating_point()
            ? x.pow(exponent.to(x.dtype))
            : x.to(ScalarType.Float64).pow(exponent.to(ScalarType.Float64)).to(x.dtype);
    }

    private static Tensor IsInfinite(TorchNode n) => (n.Int("detect_negative", 1), n.Int("detect_positive", 1)) switch
    {
        (0, 0) => zeros_like(n.X, ScalarType.Bool),
        (0, _) => n.X.isposinf(),
        (_, 0) => n.X.isneginf(),
        _ => n.X.isinf(),
    };
}
