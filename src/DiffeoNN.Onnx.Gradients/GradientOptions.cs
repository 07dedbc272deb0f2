namespace DiffeoNN.Onnx.Gradients;

/// <summary>What to differentiate with respect to what.</summary>
public sealed record GradientOptions
{
    /// <summary>Inputs (or initialisers) to differentiate with respect to;
    /// null for every float input that a chosen output depends on.</summary>
    public IReadOnlyList<string>? Inputs { get; init; }

    /// <summary>Outputs to differentiate; null for every float output that depends on a chosen input.</summary>
    public IReadOnlyList<string>? Outputs { get; init; }

    /// <summary>
    /// Whether to differentiate with respect to the weights too: float initialisers of rank 1 and more. They become
    /// inputs whose default is the initialiser, so that training can supply new ones.
    /// </summary>
    public bool Weights { get; init; }

    /// <summary>Where the gradient with respect to the outputs comes from.</summary>
    public GradientSeed Seed { get; init; } = GradientSeed.Input;

    /// <summary>What the graph is to be fast on.</summary>
    public GradientTarget Target { get; init; } = GradientTarget.Cpu;

    /// <summary>The operators that are known, with their gradients; <see cref="OperatorSet.With(IEnumerable{OperatorDefinition})"/> adds
    /// those of other domains, or other rules for known ones.</summary>
    public OperatorSet Operators { get; init; } = OperatorSet.Default;

    /// <summary>What is put behind a name for its gradient.</summary>
    public string Suffix { get; init; } = "_grad";

    /// <summary>Whether chosen inputs that do not influence the outputs differentiably are left out instead of refused.</summary>
    internal bool LeavesOutUnreached { get; init; }
}
