using DiffeoNN.Onnx.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Torch.Operators;

/// <summary>Products of matrices and tensors.</summary>
internal static class ProductOperators
{
    public static IReadOnlyList<TorchOperator> All { get; } =
    [
        new("MatMul", 16, n => n.X.MatrixProduct(n.Input(1))),
        new("Gemm", 16, Gemm),
        new("Einsum", 16, n => einsum(n.Text("equation", ""), [.. n.Inputs])),
        new("Det", 16, n => n.X.det()),
        new("MatMulInteger", 16, MatMulInteger),
    ];

    /// <summary>alpha * A * B + beta * C.</summary>
    private static Tensor Gemm(TorchNode n)
    {
        var a = n.Int("transA", 0) != 0 ? n.X.t() : n.X;
        var b = n.Int("transB", 0) != 0 ? n.Input(1).t() : n.Input(1);
        var (alpha, beta) = (n.Float("alpha", 1), n.Float("beta", 1));
        var product = Scaled(a.MatrixProduct(b), alpha);
        return n.Has(2) ? product.Plus(Scaled(n.Input(2), beta)) : product;
    }

    private static Tensor Scaled(Tensor x, double factor) =>
        factor == 1 ? x : x.is_floating_point() ? x.Times(factor) : x.Times(factor).to(x.dtype);

    /// <summary>Exact products of 8-bit numbers less their zero points, the first by rows and the second by columns.</summary>
    private static Tensor MatMulInteger(TorchNode n)
    {
        var (a, b) = (n.X.to(ScalarType.Int32), n.Input(1).to(ScalarType.Int32));
        if (n.Has(2)) a = a.Minus(n.Input(2).dim() == 1 ? n.Input(2).to(ScalarType.Int32).unsqueeze(-1) : n.Input(2).to(ScalarType.Int32));
        if (n.Has(3)) b = b.Minus(n.Input(3).to(ScalarType.Int32));
        return a.MatrixProduct(b);
    }
}
