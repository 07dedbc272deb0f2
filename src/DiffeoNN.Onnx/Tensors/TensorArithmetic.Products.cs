using TorchSharp;

namespace DiffeoNN.Onnx.Tensors;

/// <content>
/// Products of matrices. TorchSharp's <c>matmul</c> ends the process where libtorch throws; what this is made of does not.
/// </content>
internal static partial class TensorArithmetic
{
    /// <summary>
    /// Products of the matrices in the last two axes, with broadcasting of the others; a vector counts as one row on the left, as one
    /// column on the right.
    /// </summary>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public static torch.Tensor MatrixProduct(this torch.Tensor a, torch.Tensor b)
    {
        if (a.dim() == 0 || b.dim() == 0) throw Mismatch(a, b);
        var left = a.dim() == 1 ? a.unsqueeze(0) : a;
        var right = b.dim() == 1 ? b.unsqueeze(1) : b;
        var (rows, inner, columns) = (left.shape[^2], left.shape[^1], right.shape[^1]);
        if (right.shape[^2] != inner) throw Mismatch(a, b);
        torch.Tensor result;
        if (right.dim() == 2)
        {
            // Many matrices times one are one matrix of all their rows.
            var outer = left.shape[..^1];
            result = left.reshape(Product(outer), inner).mm(right).reshape([.. outer, columns]);
        }
        else
        {
            var batch = Broadcast(left.shape[..^2], right.shape[..^2]) ?? throw Mismatch(a, b);
            var count = Product(batch);
            result = left.expand([.. batch, rows, inner]).reshape(count, rows, inner)
                .bmm(right.expand([.. batch, inner, columns]).reshape(count, inner, columns)).reshape([.. batch, rows, columns]);
        }

        if (b.dim() == 1) result = result.squeeze(-1);
        return a.dim() == 1 ? result.squeeze(b.dim() == 1 ? -1 : -2) : result;
    }

    private static long Product(long[] sizes) => sizes.Aggregate(1L, (product, size) => product * size);

    private static long[]? Broadcast(long[] a, long[] b)
    {
        var result = new long[Math.Max(a.Length, b.Length)];
        for (var i = 1; i <= result.Length; i++)
        {
            var (x, y) = (i <= a.Length ? a[^i] : 1, i <= b.Length ? b[^i] : 1);
            if (x != y && x != 1 && y != 1) return null;
            result[^i] = x == 1 ? y : x;
        }

        return result;
    }

    private static ArgumentException Mismatch(torch.Tensor a, torch.Tensor b) =>
        new($"matrices of shapes [{string.Join(",", a.shape)}] and [{string.Join(",", b.shape)}] have no product");
}
