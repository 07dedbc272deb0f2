using static DiffeoNN.Onnx.Gradients.Tests.Rules.Operand;

namespace DiffeoNN.Onnx.Gradients.Tests.Rules;

/// <content>Forms of version 7 that later versions widened.</content>
internal static partial class RuleCases
{
    private static IEnumerable<RuleCase> Oldest()
    {
        foreach (var op in new[] { "Sum", "Mean", "Max", "Min" })
            yield return new(op, [7], [Any(2, 3), Unit(2, 3)]);
        yield return new("Cast", [7], [Any(2, 3)], I("to", 1));
    }
}
