namespace DiffeoNN.Onnx.Gradients.Rules;

/// <summary>Operators that pick, order or mask elements by a condition.</summary>
internal static class Selection
{
    public static IReadOnlyList<GradientRule> All { get; } =
    [
        new("Compress", SinceVersion: 9, Compress) { NonDifferentiableInputs = [1] },
        new("Unique", SinceVersion: 11, Unique) { Limits = "Of the values; the place where each was found first gets the gradient." },
        new("TopK", SinceVersion: 7, TopK) { NonDifferentiableInputs = [1], Limits = "Of the values; indices carry none." },
        new("ReverseSequence", SinceVersion: 10, n => [() => Again(n)]) { NonDifferentiableInputs = [1] },
        new("Trilu", SinceVersion: 14, n => [() => Again(n)]) { NonDifferentiableInputs = [1] },
        new("CenterCropPad", SinceVersion: 18, CenterCropPad) { NonDifferentiableInputs = [1] },
    ];

    /// <summary>What was taken goes back to where the condition holds.</summary>
    private static Func<Value>[] Compress(RuleContext n) => [() => PutBack(n, n.Input(1).Apply("NonZero").Reshape(-1))];

    /// <summary>Every value (or slice) sends its gradient to the place where it was found first.</summary>
    private static Func<Value>[] Unique(RuleContext n) => [() => PutBack(n, n.Output(1))];

    /// <summary>Adds dY into zeros at places along the node's axis, or in the flat tensor where it has none.</summary>
    private static Value PutBack(RuleContext n, Value places)
    {
        if (n.Node.Attributes.TryGetValue("axis", out var axis))
            return Indexing.ScatterAdd(n.X, places, n.dY, n.Axis(axis.Int, n.X.Rank));
        return Indexing.ScatterFlat(n.X, places, n.dY);
    }

    /// <summary>Every value sends its gradient to the place it was found at.</summary>
    private static Func<Value>[] TopK(RuleContext n) =>
        [() => Indexing.Scatter(n.Zeros(n.X), n.Output(1), n.dY, n.Node.GetInt("axis", -1), "none")];

    /// <summary>The operator is its own adjoint: a reversal undoes itself, a mask is symmetric.</summary>
    private static Value Again(RuleContext n) =>
        n.Builder.Node(n.Node.OpType, [n.dY, n.Has(1) ? n.Input(1) : null], 1, [.. n.Node.Attributes.Values])[0];

    /// <summary>Padding puts zeros where cropping took elements away, and the other way round; the middle is rounded alike.</summary>
    private static Func<Value>[] CenterCropPad(RuleContext n) =>
    [
        () =>
        {
            var axes = n.Node.GetInts("axes")?.Select(a => (long)n.Axis(a, n.X.Rank)).ToArray();
            var sizes = axes is null
                ? n.X.ShapeVector
                : n.Builder.Node("Concat", [.. axes.Select(a => n.X.Size((int)a))], OnnxAttribute.Of("axis", 0))[0];
            return n.Builder.Node("CenterCropPad", [n.dY, sizes], [.. n.Node.Attributes.Values])[0];
        },
    ];
}
