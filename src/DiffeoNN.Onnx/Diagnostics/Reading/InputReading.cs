using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Diagnostics.Reading;

/// <summary>Reads from a file how a network takes images, but for their normalisation.</summary>
internal static class InputReading
{
    /// <summary>The network's one input of images.</summary>
    /// <param name="model">The network.</param>
    /// <param name="trace">Its graph.</param>
    /// <param name="images">Whose size a file that leaves it free takes; null for none.</param>
    /// <param name="told">What the caller says.</param>
    /// <param name="name">What messages call the file.</param>
    /// <param name="guesses">Receives what was read.</param>
    /// <exception cref="BundleException">It takes no images, or what else is needed.</exception>
    public static InputFormat Read(
        OnnxModel model, GraphTrace trace, IReadOnlyList<ImageBuffer>? images, ReadingOptions told, string name, List<Guess> guesses)
    {
        var declared = Declared(model, name);
        var shape = declared.Shape!;
        var path = trace.FromInput(declared.Name);
        guesses.Add(new("input", declared.ToString(), "the one input", GuessOrigin.File));
        var layout = Layout(shape, path, told, guesses);
        var isLast = layout == ChannelLayout.ChannelsLast;
        var channels = (int?)shape[isLast ? 3 : 1].Size ?? path.Channels ?? throw Refuse(
            $"leaves the channels of its input {declared} free, and its first operator does not tell them; export it with their number.");
        if (channels is < 1 or > 4096) throw Refuse($"takes {channels} channels; expected 1 to 4096.");
        guesses.Add(new("channels", $"{channels}", shape[isLast ? 3 : 1].Size is null ? "its first convolution takes so many"
            : "the file's",
            GuessOrigin.File));
        var (height, width) = Size(shape[isLast ? 1 : 2].Size, shape[isLast ? 2 : 3].Size);
        var image = new ImageSpec
        {
            Channels = channels, Height = height, Width = width,
            Mean = [.. Enumerable.Repeat(0.0, channels)], Std = [.. Enumerable.Repeat(1.0, channels)],
        };
        return InputFormat.Of(image, new InputSpec { Name = declared.Name, Layout = layout }, declared);

        (int Height, int Width) Size(long? rows, long? columns)
        {
            if (rows is { } fixedRows && columns is { } fixedColumns)
            {
                if ((told.Height ?? fixedRows) != fixedRows || (told.Width ?? fixedColumns) != fixedColumns)
                {
                    throw Refuse(
                        $"takes images of {fixedRows} x {fixedColumns} (height x width), as its file says; leave out --height and --width, "
                        + "or export it with another size.");
                }

                guesses.Add(new("size", $"{fixedRows} x {fixedColumns} (height x width)", "the file's", GuessOrigin.File));
                return Checked(fixedRows, fixedColumns);
            }

            if ((rows ?? told.Height) is { } height && (columns ?? told.Width) is { } width)
            {
                guesses.Add(new("size", $"{height} x {width} (height x width)", "as told", GuessOrigin.Told, "--height, --width"));
                return Checked(height, width);
            }

            if (images is [{ } first, ..] && images.All(image => (image.Height, image.Width) == (first.Height, first.Width))
                && (rows ?? first.Height) == first.Height && (columns ?? first.Width) == first.Width
                && told.Height is null && told.Width is null)
            {
                guesses.Add(new("size", $"{first.Height} x {first.Width} (height x width)",
                    "the file leaves it free, and all images have it", GuessOrigin.Guessed, "--height, --width"));
                return Checked(first.Height, first.Width);
            }

            throw Refuse($"leaves the size of its images free ({declared}); give --height and --width, those it was trained with.");
        }

        (int Height, int Width) Checked(long height, long width) => height is < 2 or > 65536 || width is < 2 or > 65536
            ? throw Refuse($"takes images of {height} x {width}; expected 2 x 2 to 65536 x 65536.")
            : ((int)height, (int)width);

        BundleException Refuse(string reason) => new($"Model '{name}' {reason}");
    }

    private static OnnxValueInfo Declared(OnnxModel model, string name)
    {
        var inputs = model.Graph.RequiredInputs.ToList();
        if (inputs.Count != 1)
        {
            throw new BundleException(inputs.Count == 0
                ? $"Model '{name}' has no input; expected one of images."
                : $"Model '{name}' needs {inputs.Count} inputs: {string.Join(", ", inputs)}; a network of a bundle takes the image alone.");
        }

        var input = inputs[0];
        if (input.ElementType is not (OnnxElementType.Float or OnnxElementType.Float16 or OnnxElementType.Double or OnnxElementType.UInt8))
            throw new BundleException($"Model '{name}': input {input} is no image; it must be float32, float16, float64 or uint8.");
        return input.Shape is { Count: 4 } ? input : throw new BundleException(
            $"Model '{name}': input {input} is no batch of images, which has four dimensions: (N,C,H,W) or (N,H,W,C).");
    }

    private static ChannelLayout Layout(IReadOnlyList<OnnxDimension> shape, InputTrace path, ReadingOptions told, List<Guess> guesses)
    {
        var (layout, reason, origin) = Found();
        guesses.Add(new("layout", layout == ChannelLayout.ChannelsLast ? "channelsLast" : "channelsFirst", reason, origin, "--layout"));
        return layout;

        (ChannelLayout, string, GuessOrigin) Found()
        {
            if (told.Layout is { } given) return (given, "as told", GuessOrigin.Told);
            if (path.TurnsChannelsFirst) return (ChannelLayout.ChannelsLast, "the graph brings channels to the front", GuessOrigin.File);
            var (first, last) = (shape[1].Size, shape[3].Size);
            if (path.Channels is { } channels && (first ?? channels) == channels)
                return (ChannelLayout.ChannelsFirst, "its first convolution takes them there", GuessOrigin.File);
            bool isFirst = first is 1 or 3, isLast = last is 1 or 3;
            if (isFirst != isLast)
            {
                return (isFirst ? ChannelLayout.ChannelsFirst : ChannelLayout.ChannelsLast,
                    $"dimension {(isFirst ? 1 : 3)} is {(isFirst ? first : last)}", GuessOrigin.Guessed);
            }

            return first is { } a && last is { } b && b < a
                ? (ChannelLayout.ChannelsLast, "dimension 3 is the smaller one", GuessOrigin.Unknown)
                : (ChannelLayout.ChannelsFirst, "the usual", GuessOrigin.Unknown);
        }
    }
}
