using static DiffeoNN.Onnx.Gradients.Tests.Rules.Operand;

namespace DiffeoNN.Onnx.Gradients.Tests.Rules;

/// <content>Reductions and products.</content>
internal static partial class RuleCases
{
    private static IEnumerable<RuleCase> Reducing()
    {
        foreach (var op in new[] { "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2",
            "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp" })
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

        foreach (var op in new[] { "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2",
            "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp" })
        {
            Operand X(params long[] shape) => op == "ReduceLogSum" ? Positive(shape) : Any(shape);
            int[] opsets = op == "ReduceSum" ? [13, 18] : op is "ReduceMax" or "ReduceMin" ? [18, 20] : [18];
            foreach (var keep in new[] { 0, 1 })
            {
                yield return new(op, opsets, [X(2, 3, 2), Integers(-2).AtRunTime], I("keepdims", keep));
                yield return new(op, opsets, [X(2, 3, 2), Integers(2, 0).AtRunTime], I("keepdims", keep));
                // Without axes everything is reduced, or nothing if that is asked for.
                foreach (var noop in new[] { 0, 1 })
                {
                    yield return new(op, opsets, [X(2, 3), Integers().AtRunTime], I("keepdims", keep), I("noop_with_empty_axes", noop));
                    yield return new(op, opsets, [X(2, 3), Integers()], I("keepdims", keep), I("noop_with_empty_axes", noop));
                    yield return new(op, opsets, [X(2, 3)], I("keepdims", keep), I("noop_with_empty_axes", noop));
                }
            }

            yield return new(op, opsets, [X()]);
        }

        yield return new("ReduceProd", [18], [Values([2, 3], 0, 2, 3, 0, 0, 1.5), Integers(1)]);
        yield return new("ReduceProd", [13], [Values([2, 3], 0, 2, 3, 0, 0, 1.5)], L("axes", 1), I("keepdims", 0));
        yield return new("ReduceL2", [18], [Values([2, 2], 1, 2, 0.5, -1), Integers(1)], I("keepdims", 0));
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
        yield return new("MatMul", [13], [Any(1, 2, 3), Any(4, 3, 2)]);
        yield return new("MatMul", [13], [Any(2, 2, 2, 3), Any(2, 3, 2)]);
        yield return new("MatMul", [13], [Any(2, 2, 2, 3), Any(3, 2)]);
        foreach (var (a, b) in new[] { (0, 0), (0, 1), (1, 0), (1, 1) })
        {
            Operand[] factors = [a == 0 ? Any(2, 3) : Any(3, 2), b == 0 ? Any(3, 4) : Any(4, 3)];
            yield return new("Gemm", [7, 9, 11, 13], [.. factors, Any(4)], I("transA", a), I("transB", b), F("alpha", 0.5f), F("beta", 2));
            yield return new("Gemm", [11, 13], factors, I("transA", a), I("transB", b), F("alpha", -1.5f));
        }

        foreach (var addend in new long[][] { [2, 4], [2, 1], [1, 4], [1], [] })
            yield return new("Gemm", [13], [Any(2, 3), Any(3, 4), Any(addend)], F("beta", 0.3f));
        yield return new("Einsum", [12], [Any(2, 3), Any(3, 4)], S("equation", "ij,jk->ik"));
        yield return new("Einsum", [12], [Any(2, 3, 2), Any(2, 2, 3)], S("equation", "bij, bjk -> bik"));
        yield return new("Einsum", [12], [Any(2, 3)], S("equation", "ij->i"));
        yield return new("Einsum", [12], [Any(2, 2, 3), Any(2, 3, 2)], S("equation", "...ij,...jk->...ik"));
        yield return new("Einsum", [12], [Any(2, 3), Any(2)], S("equation", "ij,i"));
    }
}
