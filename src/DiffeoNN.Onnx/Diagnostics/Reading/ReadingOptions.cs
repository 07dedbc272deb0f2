using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Execution;

namespace DiffeoNN.Onnx.Diagnostics.Reading;

/// <summary>What is known of a network already, so that it need not be guessed; null for what is not.</summary>
public sealed record ReadingOptions
{
    /// <summary>Where the input has its channels.</summary>
    public ChannelLayout? Layout { get; init; }

    /// <summary>Rows of the image; only for a file that leaves them free.</summary>
    public int? Height { get; init; }

    /// <summary>Columns of the image; only for a file that leaves them free.</summary>
    public int? Width { get; init; }

    /// <summary>The value of white, above 0.</summary>
    public double? Range { get; init; }

    /// <summary>One for all channels, or one a channel, in units of <see cref="Range"/>.</summary>
    public IReadOnlyList<double>? Mean { get; init; }

    /// <summary>One for all channels, or one a channel, above 0, in units of <see cref="Range"/>.</summary>
    public IReadOnlyList<double>? Std { get; init; }

    /// <summary>Names of the outputs that are answers, the one that is evaluated first; null to choose.</summary>
    public IReadOnlyList<string>? Outputs { get; init; }

    /// <summary>What the first of the outputs means.</summary>
    public OutputKind? Kind { get; init; }

    /// <summary>What turns its scores into probabilities.</summary>
    public OutputActivation? Activation { get; init; }

    /// <summary>Names of its classes.</summary>
    public IReadOnlyList<string>? Classes { get; init; }

    /// <summary>What its coordinates count.</summary>
    public OutputCoordinates? Coordinates { get; init; }

    /// <summary>Which coordinate comes first.</summary>
    public CoordinateOrder? Order { get; init; }

    /// <summary>What the four numbers of its boxes are.</summary>
    public BoxFormat? Format { get; init; }

    /// <summary>Where and how the network is tried; the CPU if null.</summary>
    public ExecutionOptions? Execution { get; init; }
}
