namespace DiffeoNN.Onnx.Bundles;

/// <summary>The output of an inner model.</summary>
public sealed record OutputSpec
{
    /// <summary>Name of the tensor in the ONNX file.</summary>
    public required string Name { get; init; }

    /// <summary>What it means.</summary>
    public required OutputKind Kind { get; init; }

    /// <summary>What turns it into probabilities; only segmentations and classifications have one.</summary>
    public OutputActivation Activation { get; init; } = OutputActivation.None;

    /// <summary>Names of the classes, one a channel (a single channel may name background and foreground);
    /// null if they have none.</summary>
    public IReadOnlyList<string>? Classes { get; init; }
}
