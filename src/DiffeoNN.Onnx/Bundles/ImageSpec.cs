namespace DiffeoNN.Onnx.Bundles;

/// <summary>The images a bundle's networks were trained on.</summary>
public sealed record ImageSpec
{
    /// <summary>C, at least 1.</summary>
    public required int Channels { get; init; }

    /// <summary>Rows, at least 2.</summary>
    public required int Height { get; init; }

    /// <summary>Columns, at least 2.</summary>
    public required int Width { get; init; }

    /// <summary>One a channel: the networks see (value - mean) / std of pixel values in [0, 1].</summary>
    public required IReadOnlyList<double> Mean { get; init; }

    /// <summary>One a channel, above zero.</summary>
    public required IReadOnlyList<double> Std { get; init; }

    /// <summary>What a canonical image has where its content left the frame.</summary>
    public ImagePadding Padding { get; init; } = ImagePadding.Zeros;

    /// <summary>Whether the networks see pixel values as they are: all means 0 and all stds 1.</summary>
    public bool IsIdentity() => Mean.All(mean => mean == 0) && Std.All(std => std == 1);
}
