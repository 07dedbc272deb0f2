using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Bundles;

/// <summary>Compares the tensors an ONNX file declares with what the manifest says; dimensions the file leaves free fit anything.</summary>
internal sealed class TensorCheck(ModelPlace place, OnnxGraph graph)
{
    private InputFormat? _format;

    private ImageSpec Image => place.Bundle.Image;

    private InputFormat Format => _format!;

    /// <summary>The image must be the one input, a batch of images as the manifest says; must precede all else.</summary>
    /// <param name="isDifferentiated">Whether a gradient by the image is needed.</param>
    /// <returns>How the network takes images.</returns>
    public InputFormat Input(bool isDifferentiated)
    {
        var required = graph.RequiredInputs.ToList();
        var input = required.Find(value => value.Name == place.File.Input.Name)
            ?? throw place.Refuse($"has no input '{place.File.Input}'. Inputs: {List(required)}.");
        if (required.Count > 1)
        {
            throw place.Refuse(
                $"needs {required.Count} inputs: {List(required)}; a network of a bundle takes the image alone.");
        }

        _format = InputFormat.Of(Image, place.File.Input, input);
        Type(input, isDifferentiated);
        if (!Format.CanBeMadeOf(Image))
        {
            throw place.Refuse(
                $"takes {Format.Channels} channels, the manifest's image has {Image.Channels}; only grey and RGB become each other.");
        }

        Images(input, "input");
        Normalisation();
        return Format;
    }

    /// <summary>An output by name: float32, float16 or float64, with a batch like the input's.</summary>
    public OnnxValueInfo Output(string name)
    {
        var output = OutputOfAnyType(name);
        if (!IsReal(output.ElementType)) throw place.Refuse($"output {output} must be float32.");
        return output;
    }

    /// <summary>The tensors of an answer must be what the manifest says of it.</summary>
    public void Answer(OutputSpec spec)
    {
        var kind = AnswerKinds.Of(spec);
        foreach (var name in kind.Tensors(spec))
        {
            var output = OutputOfAnyType(name);
            if (output.Shape is not { } shape) continue;
            var form = new TensorForm(output.ElementType, [.. shape.Select(dimension => dimension.Size)]);
            if (kind.Problem(name, form, spec, new SamplingGrid(Format.Height, Format.Width)) is { } problem)
                throw place.Refuse($"output {output} {problem}");
        }
    }

    private OnnxValueInfo OutputOfAnyType(string name)
    {
        var output = graph.Outputs.Find(value => value.Name == name)
            ?? throw place.Refuse($"has no output '{name}'. Outputs: {List(graph.Outputs)}.");
        if (output.Shape is { Count: 0 })
            throw place.Refuse($"output {output} is a scalar; expected one value or more for each image of the batch.");
        Batch(output);
        return output;
    }

    /// <summary>Refuses another number of dimensions.</summary>
    public OnnxValueInfo Rank(OnnxValueInfo value, int rank, string expected, string kind = "output")
    {
        if (value.Shape is { } shape && shape.Count != rank)
            throw place.Refuse($"{kind} {value} has {shape.Count} dimensions; expected {expected}.");
        return value;
    }

    /// <summary>The value must be a batch of the network's images, laid out as its input.</summary>
    public void Images(OnnxValueInfo value, string kind = "output")
    {
        Rank(value, 4, $"images {Format.Shape}", kind);
        var whose = place.File.Input.Channels is null ? "channels, as the manifest's image has" : "channels, as the manifest says";
        if (kind == "input" && Format.ChannelAxis == 1 && value.Shape is { } shape && shape[1].Size is { } second
            && second != Format.Channels && shape[3].Size == Format.Channels)
        {
            throw place.Refuse(
                $"{kind} {value} has its {Format.Channels} {whose} in the last dimension; "
                + "give its input as an object with \"layout\": \"channelsLast\".");
        }

        Size(value, Format.ChannelAxis, Format.Channels, whose, kind);
        ImageSize(value, Format.RowAxis, kind);
    }

    /// <summary>The last two of four dimensions must be the network's image's.</summary>
    public void ImageSize(OnnxValueInfo value) => ImageSize(value, 2, "output");

    private void ImageSize(OnnxValueInfo value, int axis, string kind)
    {
        if (value.Shape is null) return;
        var (height, width) = (value.Shape[axis], value.Shape[axis + 1]);
        if ((height.Size ?? Format.Height) == Format.Height && (width.Size ?? Format.Width) == Format.Width) return;
        var whose = (Format.Height, Format.Width) != (Image.Height, Image.Width) ? "input of this network" : "image";
        throw place.Refuse(
            $"{kind} {value} is {height} x {width} pixels (height x width); the manifest's {whose} is {Format.Height} x {Format.Width}.");
    }

    public void Size(OnnxValueInfo value, int axis, long size, string unit, string kind = "output")
    {
        if (value.Shape?[axis].Size is { } found && found != size)
            throw place.Refuse($"{kind} {value} has {found} in dimension {axis}; expected {size} {unit}.");
    }

    public void AtLeast(OnnxValueInfo value, int axis, long least)
    {
        if (value.Shape?[axis].Size is { } found && found < least)
            throw place.Refuse($"output {value} has {found} in dimension {axis}; expected at least {least}.");
    }

    public void SameShape(OnnxValueInfo mean, OnnxValueInfo logVariance)
    {
        if (mean.Shape is not { } a || logVariance.Shape is not { } b) return;
        var same = a.Count == b.Count
            && a.Zip(b).All(pair => pair.First.Size is null || pair.Second.Size is null || pair.First.Size == pair.Second.Size);
        if (!same) throw place.Refuse($"outputs {mean} and {logVariance} differ; mean and logarithm of the variance must have one shape.");
    }

    private static string List(IEnumerable<OnnxValueInfo> values) => string.Join(", ", values);

    private static bool IsReal(OnnxElementType type) =>
        type is OnnxElementType.Float or OnnxElementType.Float16 or OnnxElementType.Double;

    private void Type(OnnxValueInfo input, bool isDifferentiated)
    {
        if (IsReal(input.ElementType)) return;
        if (input.ElementType != OnnxElementType.UInt8)
            throw place.Refuse($"input {input} must be float32, float16, float64 or uint8.");
        if (isDifferentiated)
        {
            throw place.Refuse(
                $"input {input} is uint8, through which no gradient passes, and an energy is minimised by its gradient; "
                + "export it with a float32 input.");
        }
    }

    private void Normalisation()
    {
        var (input, given) = (place.File.Input, place.File.Input.Mean is not null || place.File.Input.Std is not null);
        if (Format.Type == OnnxElementType.UInt8 && !Format.SeesPixels())
            throw place.Refuse("takes uint8, whole numbers of 0 to 255: its input has no mean and std.");
        if (given || Format.Type == OnnxElementType.UInt8 || Image.IsIdentity()) return;
        var what = input.Range is not null and not 1 ? "range" : Format.Channels != Image.Channels ? "channels" : null;
        if (what is null) return;
        throw place.Refuse(
            $"its input has {what} of its own, to which mean and std of the manifest's image do not apply; give mean and std with it, "
            + "in units of its range (0 and 1 for none).");
    }

    private void Batch(OnnxValueInfo output)
    {
        if (output.Shape?[0].Size is not { } batch || batch == Format.Batch) return;
        throw place.Refuse(Format.Batch is null
            ? $"output {output} has a fixed batch of {batch}, the input has a free one; export it with a free first dimension "
                + "(dynamic_axes or dynamic_shapes)."
            : $"output {output} has a fixed batch of {batch}, the input one of {Format.Batch}; both must be the same.");
    }
}
