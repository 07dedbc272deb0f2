using System.Text;

namespace DiffeoNN.Onnx.Gradients.Tests;

/// <summary>The table of rules as a document for people.</summary>
internal static class CoverageDocument
{
    public static string Create()
    {
        var text = new StringBuilder();
        text.Append($"""
            # Operators with a gradient

            Made from the rows of operators, `OperatorSet.Default`; a test compares the two. Rewrite it with

            ```sh
            {CoverageDocumentTests.Command}
            ```

            **Form since** is the first version of the operator set with the form that a rule handles; it holds until the next version
            listed, or the newest. Models older than operator set {GradientCompiler.MinimumOpset} are rewritten for it first.
            **Differentiable inputs** are those that a derivative flows to; the others are shapes, indices, masks and the like. **Limits**
            says what is refused with a reason, and what else is worth knowing. Everywhere: sizes may be free unless the table says
            otherwise; the number of dimensions must be known where the formula needs it; sequences, maps and optional values carry no
            gradient. Operators with a domain before their name are not of ai.onnx; with `OperatorSet.With` a program adds its own.

            | Operator | Form since | Differentiable inputs | Limits |
            | --- | --- | --- | --- |

            """.ReplaceLineEndings("\n"));
        foreach (var rules in OperatorSet.Default.Rules.Where(r => !r.IsStop).GroupBy(r => (r.Domain, r.OpType)).OrderBy(
            g => g.Key.Domain, StringComparer.Ordinal).ThenBy(g => g.Key.OpType, StringComparer.Ordinal))
        {
            var versions = string.Join(", ", rules.Select(r => r.SinceVersion).Order());
            var inputs = string.Join("; ", rules.OrderBy(r => r.SinceVersion).Select(Differentiable).Distinct());
            var limits = string.Join(" ", rules.OrderBy(r => r.SinceVersion).Select(r => r.Limits).Where(l => l is not null).Distinct());
            text.Append($"| {(rules.Key.Domain.Length > 0 ? rules.Key.Domain + "." : "")}{rules.Key.OpType} | "
                + $"{versions} | {inputs} | {limits} |\n");
        }

        text.Append("\n`If`, `Loop` and `Scan` have no row: a choice becomes a choice between gradients, a loop one that runs backwards. A "
            + "loop whose states change\n");
        text.Append("their shapes from step to step must have a known, small number of steps; it is written out.\n");
        text.Append("\nThe gradient stops without error, because the derivative is zero wherever it exists or the output is "
            + "no floating point value, at\n");
        text.Append(
            string.Join(", ", OperatorSet.Default.Rules.Where(r => r.IsStop).Select(r => r.OpType).Distinct()
                .Order(StringComparer.Ordinal)));
        return text.Append(".\n").ToString();
    }

    private static string Differentiable(GradientRule rule)
    {
        var excluded = rule.NonDifferentiableInputs;
        if (rule.InputNames.Count > 0)
            return string.Join(", ", rule.InputNames.Where((_, i) => !excluded.Contains(i)));
        return excluded.Count == 0 ? "all" : $"all but number {string.Join(", ", excluded)}";
    }
}
