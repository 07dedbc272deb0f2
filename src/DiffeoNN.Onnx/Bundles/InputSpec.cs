using System.Text.Json.Serialization;

namespace DiffeoNN.Onnx.Bundles;

/// <summary>The input of a network, and what it takes there where that is not what the manifest's image says.</summary>
/// <remarks>In the manifest a name alone, or an object. What the file tells, element type and size of the batch, is not repeated:
/// <see cref="InputFormat"/> has all of it.</remarks>
[JsonConverter(typeof(InputSpecConverter))]
public sealed record InputSpec
{
    /// <summary>Name of the tensor in the ONNX file.</summary>
    public required string Name { get; init; }

    /// <summary>Where the channels are.</summary>
    public ChannelLayout Layout { get; init; } = ChannelLayout.ChannelsFirst;

    /// <summary>Channels; null for those of the manifest's image. Grey and RGB become each other.</summary>
    public int? Channels { get; init; }

    /// <summary>Rows, at least 2; null for those of the manifest's image.</summary>
    public int? Height { get; init; }

    /// <summary>Columns, at least 2; null for those of the manifest's image.</summary>
    public int? Width { get; init; }

    /// <summary>The value of white, above 0, where black is 0; null for 1, and for 255 where the file takes uint8.</summary>
    public double? Range { get; init; }

    /// <summary>One a channel, in units of <see cref="Range"/>: the network sees (range * value - mean) / std of pixel values in [0, 1].
    /// Null for that of the manifest's image where channels and range are the image's, else for 0.</summary>
    public IReadOnlyList<double>? Mean { get; init; }

    /// <summary>One a channel, above zero, in units of <see cref="Range"/>; null as <see cref="Mean"/>, for 1 in place of 0.</summary>
    public IReadOnlyList<double>? Std { get; init; }

    /// <summary>An input that takes what the manifest's image says.</summary>
    /// <param name="name">The tensor's name.</param>
    public static implicit operator InputSpec(string name) => FromString(name);

    /// <summary>An input that takes what the manifest's image says.</summary>
    /// <param name="name">The tensor's name.</param>
    public static InputSpec FromString(string name) => new() { Name = name };

    /// <summary>Whether nothing is said but the name.</summary>
    public bool IsNameAlone() => this == FromString(Name);

    /// <summary>The name.</summary>
    public override string ToString() => Name;
}
