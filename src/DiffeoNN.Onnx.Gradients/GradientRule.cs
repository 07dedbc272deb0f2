namespace DiffeoNN.Onnx.Gradients;

/// <summary>How the gradient of one operator is formed: a row of the table of rules.</summary>
public sealed record GradientRule
{
    /// <summary>In the place of a gradient that another input's gradient holds already.</summary>
    internal static readonly Func<Value> Absorbed = () => throw new InvalidOperationException("An absorbed gradient is not to be formed.");

    internal GradientRule(string opType, int SinceVersion, Reverse function)
    {
        OpType = opType;
        this.SinceVersion = SinceVersion;
        Function = function;
    }

    /// <summary>Forms the gradients with respect to the inputs, by position; called once per node and only where needed.</summary>
    internal delegate IReadOnlyList<Func<Value>?> Reverse(RuleContext node);

    /// <summary>Forms the outputs of a node from simpler operators, by position; null for outputs that the node does not name.</summary>
    internal delegate IReadOnlyList<Value?> Body(RuleContext node);

    /// <summary>The operator set's domain; empty for ai.onnx.</summary>
    public string Domain { get; init; } = "";

    /// <summary>The operator.</summary>
    public string OpType { get; }

    /// <summary>First version of the operator set with the form that the rule handles, at least 7;
    /// it holds until a row with a later version.</summary>
    public int SinceVersion { get; }

    /// <summary>Inputs through which no derivative flows: indices, shapes, masks.</summary>
    public IReadOnlyList<int> NonDifferentiableInputs { get; init; } = [];

    /// <summary>What the rule refuses, and what else is worth knowing of it, for the list of operators; null for nothing.</summary>
    public string? Limits { get; init; }

    /// <summary>Whether the outputs carry no derivative at all (comparisons, rounding, indices), so that gradients stop here.</summary>
    public bool IsStop { get; init; }

    /// <summary>Whether inputs are broadcast, so that the gradients are summed back to their shapes.</summary>
    internal bool Broadcasts { get; init; }

    /// <summary>
    /// What the operator is in terms of simpler ones; null for operators with a formula of their own. Where a derivative flows through
    /// such a node it is replaced by this body, whose values forward and backward pass then share.
    /// </summary>
    internal Body? Expansion { get; private init; }

    internal Reverse Function { get; }

    internal static GradientRule Stop(string opType) => new(opType, 7, _ => []) { IsStop = true };

    /// <summary>A rule by a body of simpler operators.</summary>
    internal static GradientRule Expanded(string opType, int SinceVersion, Body body) =>
        new(opType, SinceVersion, n => throw new InvalidOperationException($"{n.Node} was to be replaced by its body."))
            { Expansion = body };
}
