using static DiffeoNN.Onnx.Gradients.Tests.Rules.Operand;

namespace DiffeoNN.Onnx.Gradients.Tests.Rules;

/// <content>Reductions and products.</content>
internal static partial class RuleCases
{
    private static IEnumerable<RuleCase> Reducing()
    {
        foreach (var op in new[] { "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp" })
        {
            Operand X(params long[] shape) => op == "ReduceLogSum" ? Positive(shape) : Any(shape);
            var moved = op == "ReduceSum" ? 13 : 18;
            yield return new(op, op == "ReduceSum" ? [7, 11] : [7, 11, 13], [X(2, 3, 2)], L("axes", 1));
            yield return new(op, op == "ReduceSum" ? [7, 11] : [11, 13], [X(2, 3, 2)], L("axes", -1, 0), I("keepdims", 0));
            yield return new(op, [11, moved], [X(2, 3)]);
            yield return new(op, [moved], [X(2, 3, 2), Integers(-2)], I("keepdims", 0));
            yield return new(op, [moved], [X(2, 3, 2), Integers(0, 2)]);
            yield return new(op, [moved], [X(2, 3)], I("keepdims", 0));
        }

        yield return new("ReduceSum", [13], [Any(2, 3)], I("noop_with_empty_axes", 1));
        yield return new("ReduceProd", [18], [Values([2, 3], 0, 2, 3, 0, 0, 1.5), Integers(1)]);
        yield return new("ReduceMean", [18], [Any(2, 3, 4), Integers(1, 2)], I("keepdims", 0));
    }

    private static IEnumerable<RuleCase> Linear()
    {
        yield return new("MatMul", [7, 9, 13], [Any(2, 3), Any(3, 4)]);
        yield return new("MatMul", [13], [Any(2, 2, 3), Any(3, 2)]);
        yield return new("MatMul", [13], [Any(2, 3), Any(2, 3, 2)]);
        yield return new("MatMul", [13], [Any(2, 1, 2, 3), Any(3, 3, 2)]);
        yield return new("MatMul", [13], [Any(3), Any(3, 2)]);
        yield return new("MatMul", [13], [Any(2, 3), Any(3)]);
        yield return new("MatMul", [13], [Any(3), Any(3)]);
        yield return new("MatMul", [13], [Any(2, 2, 3), Any(3)]);
        yield return new("MatMul", [13], [Any(3), Any(2, 3, 2)]);
        yield return new("Gemm", [7, 9, 11, 13], [Any(2, 3), Any(3, 4), Any(4)]);
        yield return new("Gemm", [13], [Any(3, 2), Any(3, 4), Any(2, 1)], I("transA", 1), F("alpha", 0.5f), F("beta", 2));
        yield return new("Gemm", [13], [Any(2, 3), Any(4, 3)], I("transB", 1), F("alpha", 0.5f));
        yield return new("Gemm", [13], [Any(3, 2), Any(4, 3), Any()], I("transA", 1), I("transB", 1));
        yield return new("Einsum", [12], [Any(2, 3), Any(3, 4)], S("equation", "ij,jk->ik"));
        yield return new("Einsum", [12], [Any(2, 3, 2), Any(2, 2, 3)], S("equation", "bij, bjk -> bik"));
        yield return new("Einsum", [12], [Any(2, 3)], S("equation", "ij->i"));
        yield return new("Einsum", [12], [Any(2, 2, 3), Any(2, 3, 2)], S("equation", "...ij,...jk->...ik"));
        yield return new("Einsum", [12], [Any(2, 3), Any(2)], S("equation", "ij,i"));
    }
}
