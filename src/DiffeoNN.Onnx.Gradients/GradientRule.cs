namespace DiffeoNN.Onnx.Gradients;

/// <summary>How the gradient of an operator is formed, from a version of its operator set on.</summary>
public sealed record GradientRule
{
    /// <summary>In the place of a gradient that another input's gradient holds already.</summary>
    internal static readonly Func<Value> Absorbed = () => throw new InvalidOperationException("An absorbed gradient is not to be formed.");

    /// <summary>A rule by a formula.</summary>
    /// <param name="sinceVersion">First version of the operator set with the form that the rule handles.</param>
    /// <param name="function">Forms the gradients; called once per node, and only where one is needed.</param>
    /// <exception cref="ArgumentOutOfRangeException">The version is below 1.</exception>
    public GradientRule(int sinceVersion, GradientFunction function)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(sinceVersion, 1);
        ArgumentNullException.ThrowIfNull(function);
        SinceVersion = sinceVersion;
        Function = function;
    }

    /// <summary>A rule that stops gradients without error: the derivative is zero wherever it exists, or the output is no floating
    /// point number.</summary>
    public static GradientRule Stop { get; } = new(1, _ => []) { IsStop = true };

    /// <summary>The operator set's domain; empty for ai.onnx.</summary>
    public string Domain { get; internal init; } = "";

    /// <summary>The operator; empty until the rule stands in an <see cref="OperatorSet"/>.</summary>
    public string OpType { get; internal init; } = "";

    /// <summary>First version of the operator set with the form that the rule handles; it holds until a rule with a later
    /// version.</summary>
    public int SinceVersion { get; }

    /// <summary>Inputs through which no derivative flows: indices, shapes, masks.</summary>
    public IReadOnlyList<int> NonDifferentiableInputs { get; init; } = [];

    /// <summary>What the rule refuses, and what else is worth knowing of it, for the list of operators; null for nothing.</summary>
    public string? Limits { get; init; }

    /// <summary>Whether the outputs carry no derivative at all (comparisons, rounding, indices), so that gradients stop here.</summary>
    public bool IsStop { get; init; }

    /// <summary>Whether inputs are broadcast to the output's shape, so that the gradients are summed back to theirs.</summary>
    public bool Broadcasts { get; init; }

    /// <summary>Names of the inputs, for the list of operators.</summary>
    internal IReadOnlyList<string> InputNames { get; init; } = [];

    /// <summary>
    /// What the operator is in terms of simpler ones; null for operators with a formula of their own. Where a derivative flows through
    /// such a node it is replaced by this body, whose values forward and backward pass then share.
    /// </summary>
    internal ExpansionFunction? Expansion { get; private init; }

    internal GradientFunction Function { get; }

    /// <summary>A rule by a body of simpler operators, whose rules do the rest. The body takes the node's place in the emitted graph
    /// where a derivative flows through it.</summary>
    /// <param name="sinceVersion">First version of the operator set with the form that the rule handles.</param>
    /// <param name="body">Forms the outputs.</param>
    /// <exception cref="ArgumentOutOfRangeException">The version is below 1.</exception>
    public static GradientRule Expanded(int sinceVersion, ExpansionFunction body)
    {
        ArgumentNullException.ThrowIfNull(body);
        return new GradientRule(sinceVersion, n => throw new InvalidOperationException($"{n.Node} was to be replaced by its body."))
            { Expansion = body };
    }
}
