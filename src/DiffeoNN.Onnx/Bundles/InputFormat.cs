using System.Globalization;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Bundles;

/// <summary>How a network of a bundle takes images: what the manifest says of its input, what the manifest says of images, and what the
/// file tells, as one.</summary>
public sealed record InputFormat
{
    /// <summary>Name of the tensor in the ONNX file.</summary>
    public required string Name { get; init; }

    /// <summary>Element type, as the file has it.</summary>
    public required OnnxElementType Type { get; init; }

    /// <summary>Size of the batch that the file is bound to; null where it is free.</summary>
    public required int? DeclaredBatch { get; init; }

    /// <summary>Size of the batches that the network is run in; null where it takes any: where the file's is free, or could be freed
    /// without a change to any image's result.</summary>
    public required int? Batch { get; init; }

    /// <summary>Why it is not proven that an image's result is independent of the others in its batch, as a clause that names the node;
    /// null where it is proven, or was not asked for.</summary>
    public string? BatchReason { get; init; }

    /// <summary>That images of a batch may change each other's results, to follow the network's name; null where they cannot: where the
    /// batch is free or of one image.</summary>
    public string? BatchWarning => Batch is > 1 and var batch
        ? $"is run {batch} images at a time (the last run filled up with copies of its last image), and that images do not change each "
            + $"other's results is not proven{(BatchReason is null ? "" : $": {BatchReason}")}"
        : null;

    /// <summary>Where the channels are.</summary>
    public required ChannelLayout Layout { get; init; }

    /// <summary>Channels.</summary>
    public required int Channels { get; init; }

    /// <summary>Rows.</summary>
    public required int Height { get; init; }

    /// <summary>Columns.</summary>
    public required int Width { get; init; }

    /// <summary>The value of white.</summary>
    public required double Range { get; init; }

    /// <summary>One a channel, in units of <see cref="Range"/>.</summary>
    public required IReadOnlyList<double> Mean { get; init; }

    /// <summary>One a channel, in units of <see cref="Range"/>.</summary>
    public required IReadOnlyList<double> Std { get; init; }

    /// <summary>Whether the pixels themselves are other ones than the bundle's: of another size, or with other channels.</summary>
    public required bool HasOwnPixels { get; init; }

    /// <summary>Whether it sees pixel values as they are, but for their range.</summary>
    public bool SeesPixels() => Mean.All(mean => mean == 0) && Std.All(std => std == 1);

    /// <summary>Whether it takes float32, channels first, of the bundle's size and channels.</summary>
    internal bool IsPlainTensor => Type == OnnxElementType.Float && Layout == ChannelLayout.ChannelsFirst && !HasOwnPixels;

    /// <summary>Whether it takes what the manifest's image says, in batches of whatever size.</summary>
    internal bool IsOfImage(ImageSpec image) =>
        IsPlainTensor && Range == 1 && Mean.SequenceEqual(image.Mean) && Std.SequenceEqual(image.Std);

    /// <summary>The same tensors, holding pixel values that somebody else normalises.</summary>
    internal InputFormat Unnormalised => this with
    {
        Range = 1, Mean = [.. Mean.Select(_ => 0.0)], Std = [.. Std.Select(_ => 1.0)],
    };

    /// <summary>The shape of the tensor, as messages say it: "(N,224,224,3)".</summary>
    internal string Shape =>
        Layout == ChannelLayout.ChannelsFirst ? $"(N,{Channels},{Height},{Width})" : $"(N,{Height},{Width},{Channels})";

    /// <summary>Position of the channels' dimension.</summary>
    internal int ChannelAxis => Layout == ChannelLayout.ChannelsFirst ? 1 : 3;

    /// <summary>Position of the rows' dimension; the columns' follows.</summary>
    internal int RowAxis => Layout == ChannelLayout.ChannelsFirst ? 2 : 1;

    /// <summary>What a network takes, after manifest and file.</summary>
    /// <param name="image">The manifest's image.</param>
    /// <param name="input">What the manifest says of the input.</param>
    /// <param name="declared">The input as the file declares it.</param>
    internal static InputFormat Of(ImageSpec image, InputSpec input, OnnxValueInfo declared)
    {
        var isBytes = declared.ElementType == OnnxElementType.UInt8;
        var (channels, height, width) = (input.Channels ?? image.Channels, input.Height ?? image.Height, input.Width ?? image.Width);
        var range = input.Range ?? (isBytes ? 255 : 1);
        var inherits = !isBytes && range == 1 && channels == image.Channels && input.Mean is null && input.Std is null;
        int? batch = declared.Shape is [{ Size: { } size }, ..] ? (int)size : null;
        return new InputFormat
        {
            Name = input.Name,
            Type = declared.ElementType,
            DeclaredBatch = batch,
            Batch = batch,
            Layout = input.Layout,
            Channels = channels,
            Height = height,
            Width = width,
            Range = range,
            Mean = inherits ? image.Mean : input.Mean ?? [.. Enumerable.Repeat(0.0, channels)],
            Std = inherits ? image.Std : input.Std ?? [.. Enumerable.Repeat(1.0, channels)],
            HasOwnPixels = (channels, height, width) != (image.Channels, image.Height, image.Width),
        };
    }

    /// <summary>Whether images of the manifest can become this network's.</summary>
    internal bool CanBeMadeOf(ImageSpec image) => ImageBuffer.CanBecome(image.Channels, Channels);

    /// <summary>As <c>info</c> says it: <c>3 x 224 x 224, channels last, uint8 of 0 to 255, run in batches of 1</c>.</summary>
    public override string ToString()
    {
        List<string> parts = [$"{Channels} x {Height} x {Width}"];
        parts.Add(Layout == ChannelLayout.ChannelsFirst ? "channels first" : "channels last");
        parts.Add($"{TypeName(Type)} of 0 to {Number(Range)}");
        if (!SeesPixels()) parts.Add($"mean {List(Mean)}, std {List(Std)}");
        parts.Add((Batch, DeclaredBatch) switch
        {
            ({ } bound, _) => $"run in batches of {bound}",
            (_, { } freed) => $"batch of {freed}, freed",
            _ => "any batch",
        });
        return string.Join(", ", parts);

        static string List(IReadOnlyList<double> numbers) => string.Join(" ", numbers.Select(Number));
    }

    /// <summary>An element type as messages write it.</summary>
    internal static string TypeName(OnnxElementType type) => type switch
    {
        OnnxElementType.Float => "float32",
        OnnxElementType.Double => "float64",
        _ => type.ToString().ToLowerInvariant(),
    };

    private static string Number(double value) => value.ToString("0.######", CultureInfo.InvariantCulture);
}
