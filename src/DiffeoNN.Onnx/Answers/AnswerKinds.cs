namespace DiffeoNN.Onnx.Answers;

/// <summary>The kinds of answers there are.</summary>
internal static class AnswerKinds
{
    /// <summary>One of each; a new kind is a line here, a value of <see cref="OutputKind"/>, and a file of its own.</summary>
    public static IReadOnlyList<AnswerKind> All { get; } =
    [
        new SegmentationAnswers(),
        new ClassificationAnswers(),
        new PictureAnswers(),
        new PointAnswers(),
        new RegressionAnswers(),
        new BoxAnswers(),
    ];

    private static readonly Dictionary<OutputKind, AnswerKind> ByKind = All.ToDictionary(kind => kind.Kind);

    /// <summary>Everything about a kind.</summary>
    public static AnswerKind Of(OutputKind kind) => ByKind.TryGetValue(kind, out var found)
        ? found
        : throw new ArgumentOutOfRangeException(nameof(kind), kind, "Not a kind of answer.");

    /// <summary>Everything about the kind of an output.</summary>
    public static AnswerKind Of(OutputSpec spec) => Of(spec.Kind);
}
