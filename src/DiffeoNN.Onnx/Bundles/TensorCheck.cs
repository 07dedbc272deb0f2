using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Bundles;

/// <summary>Compares the tensors an ONNX file declares with what the manifest says; dimensions the file leaves free fit anything.</summary>
internal sealed class TensorCheck(ModelPlace place, OnnxGraph graph)
{
    private ImageSpec Image => place.Bundle.Image;

    /// <summary>The image must be the one input, a batch of the manifest's images.</summary>
    public void Input()
    {
        var required = graph.RequiredInputs.ToList();
        var input = required.Find(value => value.Name == place.File.Input)
            ?? throw place.Refuse($"has no input '{place.File.Input}'. Inputs: {List(required)}.");
        if (required.Count > 1)
        {
            throw place.Refuse(
                $"needs {required.Count} inputs: {List(required)}; a network of a bundle takes the image alone.");
        }

        Float(input, "input");
        Images(input, "input");
        FreeBatch(input, "input");
    }

    /// <summary>An output by name; float32, with a free batch.</summary>
    public OnnxValueInfo Output(string name)
    {
        var output = graph.Outputs.Find(value => value.Name == name)
            ?? throw place.Refuse($"has no output '{name}'. Outputs: {List(graph.Outputs)}.");
        Float(output, "output");
        if (output.Shape is { Count: 0 })
            throw place.Refuse($"output {output} is a scalar; expected one value or more for each image of the batch.");
        FreeBatch(output, "output");
        return output;
    }

    /// <summary>Refuses another number of dimensions.</summary>
    public OnnxValueInfo Rank(OnnxValueInfo value, int rank, string expected, string kind = "output")
    {
        if (value.Shape is { } shape && shape.Count != rank)
            throw place.Refuse($"{kind} {value} has {shape.Count} dimensions; expected {expected}.");
        return value;
    }

    /// <summary>The value must be a batch of the manifest's images.</summary>
    public void Images(OnnxValueInfo value, string kind = "output")
    {
        Rank(value, 4, $"images (N,{Image.Channels},{Image.Height},{Image.Width})", kind);
        Size(value, 1, Image.Channels, "channels, as the manifest's image has", kind);
        ImageSize(value, kind);
    }

    /// <summary>The last two of four dimensions must be the image's.</summary>
    public void ImageSize(OnnxValueInfo value, string kind = "output")
    {
        if (value.Shape is null) return;
        if ((value.Shape[2].Size ?? Image.Height) != Image.Height || (value.Shape[3].Size ?? Image.Width) != Image.Width)
        {
            throw place.Refuse(
                $"{kind} {value} is {value.Shape[2]} x {value.Shape[3]} pixels (height x width); the manifest's image is "
                + $"{Image.Height} x {Image.Width}.");
        }
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

    /// <summary>The channels must fit the names of the classes and the activation.</summary>
    public void Classes(OnnxValueInfo value, OutputSpec spec)
    {
        if (value.Shape?[1].Size is not { } channels) return;
        if (channels == 1 && spec.Activation == OutputActivation.Softmax)
            throw place.Refuse($"output {value} has 1 channel, whose softmax is always 1; use the activation sigmoid.");
        if (spec.Classes is null || spec.Classes.Count == channels || (channels == 1 && spec.Classes.Count == 2)) return;
        throw place.Refuse($"output {value} has {channels} channels; the manifest names {spec.Classes.Count} classes.");
    }

    private static string List(IEnumerable<OnnxValueInfo> values) => string.Join(", ", values);

    private void Float(OnnxValueInfo value, string kind)
    {
        if (value.ElementType != OnnxElementType.Float) throw place.Refuse($"{kind} {value} must be float32.");
    }

    private void FreeBatch(OnnxValueInfo value, string kind)
    {
        if (value.Shape?[0].Size is { } batch)
        {
            throw place.Refuse(
                $"{kind} {value} has a fixed batch of {batch}; export it with a free first dimension (dynamic_axes or dynamic_shapes).");
        }
    }
}
