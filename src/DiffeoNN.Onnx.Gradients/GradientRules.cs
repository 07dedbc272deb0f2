namespace DiffeoNN.Onnx.Gradients;

/// <summary>The gradient rules of the operators of ai.onnx; those of other domains are in <see cref="OperatorSet"/>.</summary>
public static class GradientRules
{
    /// <summary>Every rule of ai.onnx, by operator and the version from which its form holds.</summary>
    public static IReadOnlyList<GradientRule> All => OperatorSet.Standard.Rules;

    /// <summary>The rule for an operator of the default set.</summary>
    /// <param name="domain">The operator set's domain; empty for ai.onnx.</param>
    /// <param name="opType">The operator.</param>
    /// <param name="version">Version of the operator set that the model imports.</param>
    /// <returns>The rule; null where there is none.</returns>
    public static GradientRule? Find(string domain, string opType, int version) => OperatorSet.Default.FindRule(domain, opType, version);
}
