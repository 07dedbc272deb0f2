using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Bundles;

/// <summary>Writes, as nodes, what turns pixel values into what a network takes: other channels, another size, range, mean and standard
/// deviation, element type, layout. All of it but uint8 is differentiable.</summary>
/// <remarks>Sizes change as <see cref="ImageResampler"/> changes them, with corners aligned.</remarks>
internal static class InputConversion
{
    /// <summary>A network that takes pixel values.</summary>
    /// <param name="network">Left untouched.</param>
    /// <param name="format">How it takes images; the batch stays as it is.</param>
    /// <param name="from">What the pixels are: the bundle's; null for the network's own size and channels.</param>
    /// <returns>The model, and the name of its input (N, C, H, W), float32, values in [0, 1].</returns>
    public static (OnnxModel Model, string Input) OnPixels(OnnxModel network, InputFormat format, ImageSpec? from)
    {
        const string pixels = "diffeonn/pixels";
        if (format.IsPlainTensor && format.Range == 1 && format.SeesPixels()) return (network, format.Name);
        // Older forms of the operators that are written here differ.
        var model = network.Opset < GradientCompiler.MinimumOpset && !format.IsPlainTensor
            ? OpsetConverter.Convert(network, GradientCompiler.MinimumOpset)
            : network.Copy();
        var graph = model.Graph;
        var written = new OnnxGraph();
        var value = Write(written, pixels, "diffeonn/", format, from);
        written.AddNode("Identity", [value], format.Name);
        // The input keeps its name inside, where graphs of nodes may read it too.
        var place = graph.Inputs.FindIndex(input => input.Name == format.Name);
        graph.Inputs[place] = PixelsOf(pixels, format, from);
        foreach (var tensor in written.Initializers.Values) graph.AddInitializer(tensor);
        graph.Nodes.InsertRange(0, written.Nodes);
        return (model, pixels);
    }

    /// <summary>Appends the conversion.</summary>
    /// <param name="graph">At version 11 of the operator set or later; 7 where only range, mean and standard deviation change.</param>
    /// <param name="pixels">The value to convert: (N, C, H, W), float32, values in [0, 1].</param>
    /// <param name="prefix">Of the names of new values.</param>
    /// <param name="format">How the network takes images.</param>
    /// <param name="from">What the pixels are: the bundle's; null for the network's own size and channels.</param>
    /// <returns>The value that the network takes; <paramref name="pixels"/> itself where there is nothing to convert.</returns>
    public static string Write(OnnxGraph graph, string pixels, string prefix, InputFormat format, ImageSpec? from)
    {
        var value = WritePixels(graph, pixels, prefix, format, from);
        if (format.Range != 1) value = graph.AddNode("Mul", [value, Scalar("range", format.Range)], $"{prefix}in_range");
        if (!format.SeesPixels())
        {
            var centred = graph.AddNode("Sub", [value, PerChannel("mean", format.Mean)], $"{prefix}centred");
            value = graph.AddNode("Div", [centred, PerChannel("std", format.Std)], $"{prefix}normalised");
        }

        if (format.Type == OnnxElementType.UInt8)
        {
            // A cast cuts fractions off.
            var half = graph.AddNode("Add", [value, Scalar("half", 0.5)], $"{prefix}rounding");
            var whole = graph.AddNode("Floor", [half], $"{prefix}whole");
            var least = graph.AddNode("Max", [whole, Scalar("least", 0)], $"{prefix}above");
            value = graph.AddNode("Min", [least, Scalar("most", 255)], $"{prefix}bytes");
        }

        if (format.Type != OnnxElementType.Float)
            value = graph.AddNode("Cast", [value], $"{prefix}cast", OnnxAttribute.Of("to", (long)format.Type));
        return format.Layout == ChannelLayout.ChannelsFirst ? value : ToChannelsLast(graph, value, $"{prefix}channels_last");

        string Scalar(string name, double number) => graph.AddInitializer(OnnxTensor.Scalar($"{prefix}{name}", (float)number));

        string PerChannel(string name, IReadOnlyList<double> values) => graph.AddInitializer(
            OnnxTensor.FromDoubles($"{prefix}{name}", OnnxElementType.Float, [1, values.Count, 1, 1], [.. values]));
    }

    /// <summary>Appends the conversion of size and channels alone: pixel values that a network is given, (N, C, H, W), float32.</summary>
    public static string WritePixels(OnnxGraph graph, string pixels, string prefix, InputFormat format, ImageSpec? from)
    {
        if (from is null || !format.HasOwnPixels) return pixels;
        var value = pixels;
        var (height, width) = (format.Height, format.Width);
        // Grey is made before the size changes, colours after it: fewer planes to resize.
        if (from.Channels > format.Channels) value = Grey(graph, value, prefix);
        if (from.Height != height)
        {
            var rows = Matrix("rows", from.Height, height, false);
            value = graph.AddNode("MatMul", [rows, value], $"{prefix}resized_rows");
        }

        if (from.Width != width)
        {
            var columns = Matrix("columns", from.Width, width, true);
            value = graph.AddNode("MatMul", [value, columns], $"{prefix}resized");
        }

        return from.Channels < format.Channels
            ? graph.AddNode("Concat", Enumerable.Repeat(value, format.Channels), $"{prefix}colours", OnnxAttribute.Of("axis", 1L))
            : value;

        string Matrix(string name, int source, int target, bool transposed) => graph.AddInitializer(OnnxTensor.Create<float>(
            $"{prefix}{name}", transposed ? [source, target] : [target, source], ImageResampler.Matrix(source, target, transposed)));
    }

    /// <summary>Channels last from channels first.</summary>
    public static string ToChannelsLast(OnnxGraph graph, string value, string name) =>
        graph.AddNode("Transpose", [value], name, OnnxAttribute.Of("perm", [0L, 2, 3, 1]));

    /// <summary>Channels first from channels last.</summary>
    public static string ToChannelsFirst(OnnxGraph graph, string value, string name) =>
        graph.AddNode("Transpose", [value], name, OnnxAttribute.Of("perm", [0L, 3, 1, 2]));

    /// <summary>The brightness of RGB, as <see cref="ImageBuffer.WithChannels"/> has it: a convolution of one pixel.</summary>
    private static string Grey(OnnxGraph graph, string value, string prefix)
    {
        var weights = graph.AddInitializer(OnnxTensor.Create<float>($"{prefix}luma", [1, 3, 1, 1], ImageBuffer.Luma));
        return graph.AddNode("Conv", [value, weights], $"{prefix}grey");
    }

    private static OnnxValueInfo PixelsOf(string name, InputFormat format, ImageSpec? from)
    {
        var batch = format.Batch is { } size ? OnnxDimension.Of(size) : "N";
        return new OnnxValueInfo(name, OnnxElementType.Float, from is null
            ? [batch, format.Channels, format.Height, format.Width]
            : [batch, from.Channels, from.Height, from.Width]);
    }
}
