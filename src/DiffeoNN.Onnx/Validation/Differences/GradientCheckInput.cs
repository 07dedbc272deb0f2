namespace DiffeoNN.Onnx.Validation.Differences;

/// <summary>How the gradient with respect to one input compares with finite differences.</summary>
/// <remarks>
/// Differences are taken with several steps, and the nearest counts: a wrong derivative is wrong at all of them. Where they contradict
/// each other by as much as they contradict the gradient (a kink lies between) or drown in rounding, nothing can be said: the element or
/// direction is counted as unsteady, not as wrong.
/// </remarks>
public sealed record GradientCheckInput
{
    /// <summary>The input's name.</summary>
    public required string Name { get; init; }

    /// <summary>The shape it was given.</summary>
    public required IReadOnlyList<long> Shape { get; init; }

    /// <summary>Elements compared one by one.</summary>
    public required int Elements { get; init; }

    /// <summary>Those of them where finite differences contradict each other.</summary>
    public required int UnsteadyElements { get; init; }

    /// <summary>Random directions compared.</summary>
    public required int Directions { get; init; }

    /// <summary>Those of them where finite differences contradict each other.</summary>
    public required int UnsteadyDirections { get; init; }

    /// <summary>Largest difference of an element.</summary>
    public required double LargestAbsoluteError { get; init; }

    /// <summary>The same, relative to the largest derivative.</summary>
    public required double LargestRelativeError { get; init; }

    /// <summary>Largest error along a direction, relative to the gradient's length.</summary>
    public required double LargestDirectionalError { get; init; }

    /// <summary>The element with the largest error; null where none could be compared.</summary>
    public required GradientCheckElement? Worst { get; init; }

    /// <summary>Whether an element or direction was beyond the tolerance and what finite differences leave open.</summary>
    public required bool IsWrong { get; init; }

    /// <summary>Whether finite differences said anything at all.</summary>
    public bool IsDecided => Elements + Directions > UnsteadyElements + UnsteadyDirections;

    /// <summary>Whether the gradient agrees.</summary>
    public bool Passed => IsDecided && !IsWrong;
}
