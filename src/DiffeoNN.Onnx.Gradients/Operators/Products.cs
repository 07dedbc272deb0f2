namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>Matrix products.</summary>
internal static class Products
{
    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("MatMul", new(7, MatMul))
        {
            Takes = new(2, 2), InputNames = ["A", "B"], Ranks = ["1+", "1+"], HasOneType = true, Check = ShapeChecks.MatMul,
            Shapes = ShapeInference.MatMul,
        },
        new("Gemm", new(7, Gemm))
        {
            Takes = new(2, 3), InputNames = ["A", "B", "C"], Ranks = ["2", "2", "2-"], HasOneType = true, Check = ShapeChecks.Gemm,
            Shapes = ShapeInference.Gemm,
            Upgrades = [new(7, (n, _) => [OpsetConverter.Without(n, "broadcast")])],
        },
        new("Einsum", new(12, Contraction) { Limits = "An ellipsis needs operands of known rank." })
        {
            Takes = new(1, InputCount.Any), HasOneType = true, Check = ShapeChecks.Equation,
            Attributes = [new("equation") { IsRequired = true, Since = 12 }], Shapes = ShapeInference.Contraction,
        },
    ];

    /// <summary>dA = dY * B^T, dB = A^T * dY, summed over the axes that were broadcast.</summary>
    private static Func<Value>[] MatMul(RuleContext n)
    {
        var (a, b) = (n.X, n.Input(1));
        // Vectors are matrices of one row or one column.
        var (wideA, wideB) = (a.Rank == 1 ? a.Unsqueeze(0) : a, b.Rank == 1 ? b.Unsqueeze(1) : b);
        Value Upstream()
        {
            var dY = b.Rank == 1 ? n.dY.Unsqueeze(-1) : n.dY;
            return a.Rank == 1 ? dY.Unsqueeze(-2) : dY;
        }

        return
        [
            () =>
            {
                var product = wideA.Rank == 2 && wideB.Rank == 2
                    ? Matrix(n, Upstream(), false, wideB, true)
                    : n.Builder.Op("MatMul", Upstream(), wideB.TransposeLast());
                return BroadcastReversal.ReduceTo(product, wideA).ReshapeLike(a);
            },
            () =>
            {
                if (wideB.Rank > 2 || wideA.Rank <= 2)
                {
                    var product = wideA.Rank == 2 && wideB.Rank == 2
                        ? Matrix(n, wideA, true, Upstream(), false)
                        : n.Builder.Op("MatMul", wideA.TransposeLast(), Upstream());
                    return BroadcastReversal.ReduceTo(product, wideB).ReshapeLike(b);
                }

                // One matrix for all rows of all batches: one product over them.
                Value Rows(Value value) => value.Reshape(
                    n.Builder.Node("Concat", [n.Builder.Integers(-1), value.Size(value.Rank - 1)], OnnxAttribute.Of("axis", 0))[0]);
                return Matrix(n, Rows(wideA), true, Rows(Upstream()), false).ReshapeLike(b);
            },
        ];
    }

    private static Value Matrix(RuleContext n, Value a, bool transposeA, Value b, bool transposeB, double alpha = 1) =>
        n.Builder.Node("Gemm", [a, b],
            OnnxAttribute.Of("transA", transposeA ? 1 : 0), OnnxAttribute.Of("transB", transposeB ? 1 : 0),
            OnnxAttribute.Of("alpha", (float)alpha))[0];

    /// <summary>Y = alpha * A B + beta * C, A and B possibly transposed: the same product with the others in place.</summary>
    private static Func<Value>[] Gemm(RuleContext n)
    {
        var (transA, transB) = (n.Node.GetInt("transA", 0) != 0, n.Node.GetInt("transB", 0) != 0);
        var alpha = n.Node.GetFloat("alpha", 1);
        var (a, b) = (n.X, n.Input(1));
        return
        [
            () => transA ? Matrix(n, b, transB, n.dY, true, alpha) : Matrix(n, n.dY, false, b, !transB, alpha),
            () => transB ? Matrix(n, n.dY, true, a, transA, alpha) : Matrix(n, a, !transA, n.dY, false, alpha),
            () => BroadcastReversal.ReduceTo(n.dY * n.Node.GetFloat("beta", 1), n.Input(2)),
        ];
    }

    /// <summary>The gradient of a contraction is the contraction of dY with the other operands.</summary>
    private static IReadOnlyList<Func<Value>> Contraction(RuleContext n)
    {
        var equation = Einsum.Parse(n.Shapes) ?? throw n.Refuse("an ellipsis stands for axes of unknown number.");
        return [.. Enumerable.Range(0, n.Count).Select(i => (Func<Value>)(() => Operand(n, equation, i)))];
    }

    private static Value Operand(RuleContext n, Einsum equation, int index)
    {
        var (operand, labels) = (n.Input(index), equation.Terms[index]);
        var others = Enumerable.Range(0, n.Count).Where(i => i != index).ToList();
        var available = equation.Output + string.Concat(others.Select(i => equation.Terms[i]));
        var kept = new string([.. labels.Distinct().Where(available.Contains)]);
        var inputs = $"{string.Join(',', [equation.Output, .. others.Select(i => equation.Terms[i])])}";
        var result = inputs == kept ? n.dY
            : n.Builder.Node("Einsum", [n.dY, .. others.Select(n.Input)], OnnxAttribute.Of("equation", $"{inputs}->{kept}"))[0];
        // Missing are axes that this operand alone was summed over, whose elements share one gradient,
        // and all but the first of a repeated label.
        var missing = Enumerable.Range(0, labels.Length).Where(d => !kept.Contains(labels[d]) || labels.IndexOf(labels[d]) != d).ToList();
        result = result.Unsqueeze([.. missing.Select(d => (long)d)]);
        foreach (var d in missing.Where(d => labels.IndexOf(labels[d]) != d))
            result *= Diagonal(operand, labels.IndexOf(labels[d]), d).AsNumber(operand);
        return BroadcastReversal.ReduceTo(missing.Count == 0 ? result : result.ExpandLike(operand), operand);
    }

    /// <summary>True where the indices of two axes are equal, broadcast over the others.</summary>
    private static Value Diagonal(Value operand, int first, int second)
    {
        Value Along(int axis) => Indexing.Positions(operand.Size(axis)).Unsqueeze(
            [.. Enumerable.Range(0, operand.Rank).Where(d => d != axis).Select(d => (long)d)]);
        return operand.Builder.Op("Equal", Along(first), Along(second));
    }
}
