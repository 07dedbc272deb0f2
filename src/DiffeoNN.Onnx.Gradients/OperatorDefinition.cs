namespace DiffeoNN.Onnx.Gradients;

/// <summary>
/// All that the compiler knows of one operator: a row of an <see cref="OperatorSet"/>. What a row leaves out is not checked, not
/// inferred or not differentiated.
/// </summary>
/// <remarks>Immutable, and so must the functions be that it holds: several compilations call them at the same time.</remarks>
public sealed record OperatorDefinition
{
    /// <summary>Describes an operator.</summary>
    /// <param name="name">The operator, such as "Softsign".</param>
    /// <exception cref="ArgumentException">The name is empty.</exception>
    public OperatorDefinition(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        Name = name;
    }

    /// <summary>Describes an operator with a gradient of one form.</summary>
    /// <param name="name">The operator, such as "Softsign".</param>
    /// <param name="gradient">How its gradient is formed.</param>
    /// <exception cref="ArgumentException">The name is empty.</exception>
    public OperatorDefinition(string name, GradientRule gradient)
        : this(name) => Gradients = [gradient];

    /// <summary>The operator set's domain; empty for ai.onnx.</summary>
    public string Domain { get; init; } = "";

    /// <summary>The operator.</summary>
    public string Name { get; }

    /// <summary>How its gradient is formed, a rule for each form that versions of the operator set gave it; empty where there is none,
    /// so that a gradient through it is refused.</summary>
    public IReadOnlyList<GradientRule> Gradients { get; init; } = [];

    /// <summary>How many inputs it takes; null where neither these nor its attributes are checked.</summary>
    public InputCount? Takes { get; init; }

    /// <summary>What its inputs are called, in their order, for people.</summary>
    public IReadOnlyList<string> InputNames { get; init; } = [];

    /// <summary>Its attributes, as far as they are checked.</summary>
    public IReadOnlyList<OperatorAttribute> Attributes { get; init; } = [];

    /// <summary>Checks ranks, sizes and element types of the inputs, as far as these are known, and throws an
    /// <see cref="OnnxModelException"/> (see <see cref="InferenceContext.Wrong"/>) where they do not fit.</summary>
    public Action<InferenceContext>? Check { get; init; }

    /// <summary>Element types and shapes of the outputs, by position; null for what the model's declarations say.</summary>
    public Func<InferenceContext, IEnumerable<ValueFacts>>? Shapes { get; init; }

    /// <summary>Whether two equal nodes may give different results, since they draw random numbers.</summary>
    public bool IsRandom { get; init; }

    /// <summary>Inputs that are statistics rather than weights, though they are constants of floating point numbers.</summary>
    internal IReadOnlyList<int> Statistics { get; init; } = [];

    /// <summary>
    /// For each input its rank, "3+" for at least 3, "1-" for at most 1, "=" for the rank of the first input, "*" for any.
    /// </summary>
    internal string[] Ranks { get; init; } = [];

    /// <summary>Whether all inputs have one element type.</summary>
    internal bool HasOneType { get; init; }

    /// <summary>Whether all inputs are broadcast to one shape.</summary>
    internal bool BroadcastsAll { get; init; }

    /// <summary>How many inputs and outputs the graphs inside it have.</summary>
    internal Action<OnnxNode, int>? Bodies { get; init; }

    /// <summary>Its first output where the inputs are small and known.</summary>
    internal Folding? Folding { get; init; }

    /// <summary>How nodes of older versions of the operator set become nodes of newer ones, by the version that changed the form.</summary>
    internal IReadOnlyList<OpsetUpgrade> Upgrades { get; init; } = [];
}
