namespace DiffeoNN.Onnx.Search;

/// <summary>Which starts <see cref="StartPoint.Multi"/> tries; change with <c>with</c>.</summary>
public sealed record MultiStartOptions
{
    /// <summary>Rotations in degrees, positive anticlockwise; at least one.</summary>
    public IReadOnlyList<double> Rotations { get; init; } = [0, -15, 15, -30, 30];

    /// <summary>Scales, positive; above 1 enlarges what the image shows; at least one.</summary>
    public IReadOnlyList<double> Scales { get; init; } = [1, 1.15, 0.87];

    /// <summary>How many starts an image are refined, at least 1.</summary>
    public int Refined { get; init; } = 2;
}
