namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>Operators that pick, order or mask elements by a condition.</summary>
internal static class Selection
{
    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("Compress", new(9, Compress) { NonDifferentiableInputs = [1] })
        {
            Takes = new(2, 2), InputNames = ["input", "condition"], Shapes = ShapeInference.Compress,
        },
        new("Unique", new(11, Unique) { Limits = "Of the values; the place where each was found first gets the gradient." })
        {
            Shapes = ShapeInference.Unique,
        },
        new("TopK", new(7, TopK) { NonDifferentiableInputs = [1], Limits = "Of the values; indices carry none." })
        {
            Takes = new(1, 2), InputNames = ["X", "K"], Ranks = ["1+"],
            Attributes = [new("k") { IsRequired = true, Until = 9 }], Shapes = ShapeInference.TopK,
            Upgrades = [new(10, (n, s) => OpsetConverter.AttributeToInput(n, s, "k", 1))],
        },
        new("ReverseSequence", new(10, n => [() => Again(n)]) { NonDifferentiableInputs = [1] })
        {
            Takes = new(2, 2), InputNames = ["input", "sequence_lens"], Ranks = ["2+", "1"], Shapes = ShapeInference.Same,
        },
        new("Trilu", new(14, n => [() => Again(n)]) { NonDifferentiableInputs = [1] })
        {
            Takes = new(1, 2), InputNames = ["input", "k"], Ranks = ["2+"], Shapes = ShapeInference.Same,
        },
        new("CenterCropPad", new(18, CenterCropPad) { NonDifferentiableInputs = [1] })
        {
            Takes = new(2, 2), InputNames = ["input_data", "shape"], Shapes = ShapeInference.CenterCropPad,
        },
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
