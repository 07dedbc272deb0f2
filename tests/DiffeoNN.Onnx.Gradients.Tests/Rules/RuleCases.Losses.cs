using static DiffeoNN.Onnx.Gradients.Tests.Rules.Operand;

namespace DiffeoNN.Onnx.Gradients.Tests.Rules;

/// <content>Losses of classification.</content>
internal static partial class RuleCases
{
    private static IEnumerable<RuleCase> Losses()
    {
        foreach (var op in new[] { "NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss" })
        {
            var opsets = op[0] == 'N' ? new[] { 12, 13, 22 } : [12, 13];
            foreach (var reduction in new[] { "none", "sum", "mean" })
            {
                yield return new(op, opsets, [Any(4, 3), Integers(2, 0, 1, 2)], S("reduction", reduction));
                yield return new(op, opsets, [Any(2, 3, 2), Classes(2, 2), Positive(3)], S("reduction", reduction));
                yield return new(op, [13], [Any(2, 3, 2), Classes(2, 2)], S("reduction", reduction), I("ignore_index", 1));
                yield return new(op, [13], [Any(2, 3, 2), Classes(2, 2, foreign: -7), Positive(3)], S("reduction", reduction),
                    I("ignore_index", -7));
            }

            yield return new(op, [13], [Any(2, 3, 2, 1, 3), Classes(2, 2, 1, 3)]);
            yield return new(op, [13], [Any(2, 3), Fix(OnnxTensor.Create<int>("", [2], [2, 10]))], I("ignore_index", 10));
            yield return new(op, [13], [Any(4, 3), Integers(2, 0, 1, 2).AtRunTime, Positive(3)]);
        }

        yield return new("SoftmaxCrossEntropyLoss", [12, 13], [Any(2, 3, 2), Classes(2, 2), Positive(3)])
        {
            Outputs = 2,
            Differentiated = [0, 1],
        };
        yield return new("SoftmaxCrossEntropyLoss", [13], [Any(4, 3), Integers(2, 0, 1, 2)], S("reduction", "none"))
        {
            Outputs = 2,
            Differentiated = [1],
        };
    }

    private static Operand Classes(params long[] shape) => Classes(shape, null);

    private static Operand Classes(long a, long b, long foreign) => Classes([a, b], foreign);

    private static Operand Classes(long[] shape, long? foreign)
    {
        var classes =
            Enumerable.Range(0, (int)shape.Aggregate((a, b) => a * b)).Select(i => i == 1 && foreign is { } other ? other : i % 3);
        return Fix(OnnxTensor.Create<long>("", shape, [.. classes]));
    }
}
