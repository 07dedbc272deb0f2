using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Composition;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Export;

/// <summary>Writes the network's answers on every map that counts, and on the image itself where none does, their way back and their
/// mean.</summary>
/// <param name="writer">The graph.</param>
/// <param name="graph">Its maps.</param>
/// <param name="bundle">The bundle.</param>
/// <param name="inner">The network.</param>
/// <param name="plan">What answers weigh.</param>
internal sealed class ExportAnswers(GraphWriter writer, ExportGraph graph, Bundle bundle, ExportNetwork inner, SearchPlan plan)
{
    private readonly OutputSpec _spec = bundle.Manifest.Models.Inner.Output;
    private readonly int _maps = graph.MapsOfImage;
    private readonly double _alone = plan.FromIdentity.IdentityWeight;

    /// <summary>Whether answers lie on the image's pixels.</summary>
    public bool ArePlanes => AnswerKinds.Of(_spec).OnDevice == DeviceForm.Planes;

    /// <summary>What an answer is made of: T rows, at least one an image.</summary>
    /// <param name="Values">Answers on canonical images, after the activation: (T, K, H, W), or (T, K).</param>
    /// <param name="Inverse">The way back of planes, (T, 2, P) in the kernel's units; empty for numbers.</param>
    /// <param name="Slot">Where each belongs, (T), int64: the map's number times N, plus the image's; the network's answer for the image as
    /// it is comes after all maps' where it counts beside them, else it takes the first one's place.</param>
    /// <param name="Weight">What part of the mean each is, (T).</param>
    public sealed record Parts(string Values, string Inverse, string Slot, string Weight);

    /// <summary>Writes which maps count, (N, M), bool.</summary>
    /// <param name="verdict">Of the candidates.</param>
    /// <param name="image">(N, C, H, W).</param>
    public string Accepted(ExportGraph.Verdict verdict, string image)
    {
        var ofCandidates = writer.Op(
            "Transpose", [writer.Reshape(verdict.Accepted, _maps, -1)], OnnxAttribute.Of("perm", [1L, 0]));
        var shape = writer.Concat(0, writer.Count(image), writer.Ints(_maps));
        var none = writer.Op(
            "ConstantOfShape", [shape],
            OnnxAttribute.Of("value", OnnxTensor.FromDoubles("", OnnxElementType.Bool, [1], [0])));
        return writer.Put(none, verdict.Index, ofCandidates);
    }

    /// <summary>Writes the answers.</summary>
    /// <param name="verdict">Of the candidates.</param>
    /// <param name="accepted">What <see cref="Accepted"/> wrote.</param>
    /// <param name="image">(N, C, H, W).</param>
    public Parts Write(ExportGraph.Verdict verdict, string accepted, string image)
    {
        var counts = writer.Reduce("ReduceSum", writer.Whole(accepted), false, 1);
        var used = writer.Where(verdict.Accepted);
        var isPlain = writer.Op("Equal", [counts, writer.Whole(0)]);
        var plain = _alone > 0 ? writer.Op("Range", [writer.Whole(0), Length(image), writer.Whole(1)]) : writer.Where(isPlain);
        var candidates = writer.Count(verdict.Index);
        var row = writer.Rows(verdict.Index, writer.Op("Mod", [used, candidates]));
        var map = writer.Op("Div", [used, candidates]);
        var own = _alone > 0 ? writer.Add(plain, writer.Mul(writer.Count(image), writer.Ints(_maps))) : plain;
        var slot = writer.Concat(0, writer.Add(writer.Mul(map, writer.Count(image)), row), own);
        string weight;
        if (_alone == 0 && graph.LastWeight == 1)
        {
            // Nobody has less than one answer: with no map it is the network's own.
            var parts = writer.Op("Max", [writer.Rows(counts, writer.Concat(0, row, plain)), writer.Whole(1)]);
            weight = writer.Op("Reciprocal", [writer.To(parts, OnnxElementType.Float)]);
        }
        else
        {
            weight = Weights(accepted, isPlain, map, row, plain);
        }

        var images = writer.Concat(0, writer.Rows(verdict.Canonical, used), writer.Rows(image, plain));
        return new Parts(Naive(images), ArePlanes ? Inverses(verdict.Maps.Inverse, used, plain) : "", slot, weight);
    }

    /// <summary>What part of its image's mean each answer is, (T), where they do not weigh the same.</summary>
    private string Weights(string accepted, string isPlain, string map, string row, string plain)
    {
        var ofMaps = writer.Floats([_maps], [.. Enumerable.Repeat(1f, _maps - 1), (float)graph.LastWeight]);
        var sum = writer.Reduce("ReduceSum", writer.Mul(writer.To(accepted, OnnxElementType.Float), ofMaps), false, 1);
        var whole = writer.Op("Where", [isPlain, writer.Scalar(1), writer.Add(sum, _alone)]);
        var alone = writer.Op("Where", [isPlain, writer.Scalar(1), writer.Scalar(_alone)]);
        return writer.Concat(
            0, writer.Op("Div", [writer.Rows(ofMaps, map), writer.Rows(whole, row)]),
            writer.Op("Div", [writer.Rows(alone, plain), writer.Rows(whole, plain)]));
    }

    private string Length(string image) => writer.Op("Squeeze", [writer.Count(image), writer.Ints(0)]);

    /// <summary>Writes the network's answers after the activation, (N, K, H, W) or (N, K).</summary>
    /// <param name="images">(N, C, H, W).</param>
    public string Naive(string images)
    {
        var output = inner.Append(writer, "network", images)[_spec.Name];
        return Activated(ArePlanes ? Planes(output) : writer.Op("Flatten", [Real(output)], OnnxAttribute.Of("axis", 1L)));
    }

    /// <summary>Writes the way back of images that were left as they are, (N, 2, H, W) of zeros.</summary>
    public string Still(string image) => writer.Op(
        "ConstantOfShape", [writer.Concat(0, writer.Count(image), writer.Ints(2, graph.Grid.Height, graph.Grid.Width))],
        OnnxAttribute.Of("value", OnnxTensor.Create<float>("", [1], [0f])));

    /// <summary>Writes planes carried back, (T, K, H, W).</summary>
    public string CarriedBack(Parts parts)
    {
        var channels = Channels;
        // Outside the canonical image nothing is known; its border is the best guess.
        return graph.Fields.Planar(
            graph.Fields.Sampling.Sample(graph.Fields.Flat(parts.Values, channels), channels, parts.Inverse, WarpPadding.Border), channels);
    }

    /// <summary>Writes the mean of each image's answers: (N, K) or (N, K, H, W).</summary>
    /// <param name="parts">The answers.</param>
    /// <param name="values">Carried back, (T, ...).</param>
    /// <param name="image">(N, C, H, W).</param>
    public string Mean(Parts parts, string values, string image)
    {
        var weighted = writer.Mul(values, writer.Reshape(parts.Weight, ArePlanes ? [-1, 1, 1, 1] : [-1, 1]));
        var count = writer.Count(image);
        var places = _maps + (_alone > 0 ? 1 : 0);
        var shape = writer.Slice(writer.Op("Shape", [values]), 0, 1, ArePlanes ? 4 : 2);
        var slots = writer.Op(
            "ConstantOfShape", [writer.Concat(0, writer.Mul(count, writer.Ints(places)), shape)],
            OnnxAttribute.Of("value", OnnxTensor.Create<float>("", [1], [0f])));
        // Not a product with a matrix of weights: what is no number would spread over the batch.
        var placed = writer.Put(slots, parts.Slot, weighted);
        if (places == 1)
            return placed;
        var byMap = writer.Op("Reshape", [placed, writer.Concat(0, writer.Ints(places), count, shape)]);
        return writer.Reduce("ReduceSum", byMap, false, 0);
    }

    /// <summary>K of answers; null where the file does not say.</summary>
    public int? Declared => inner.Output(_spec.Name).Shape switch
    {
        [_, .., { Size: { } last }] when ArePlanes && IsLast => (int)last,
        [_, { Size: { } channels }, ..] when !(ArePlanes && IsLast) => (int)channels,
        [_] when !ArePlanes => 1,
        _ => OfClasses,
    };

    // Two names may be those of one score, below and from one half.
    private int? OfClasses =>
        _spec.Classes?.Count is { } count && (count > 2 || _spec.Activation == OutputActivation.Softmax) ? count : null;

    private bool IsLast => _spec.Layout == OutputLayout.ChannelsLast;

    private int Channels => Declared ?? throw new ExportException(
        $"Bundle '{bundle.Name}': how many channels output '{_spec.Name}' of its network has, neither file nor manifest say; "
        + "export the network with fixed sizes but for the batch.");

    private string Real(string output)
    {
        var type = inner.Output(_spec.Name).ElementType;
        var isReal = type is OnnxElementType.Float or OnnxElementType.Double or OnnxElementType.Float16 or OnnxElementType.BFloat16;
        if (ArePlanes && !isReal)
            throw new ExportException(
                $"Bundle '{bundle.Name}': output '{_spec.Name}' of its network holds class numbers ({type}), which cannot be carried back "
                + "between pixels; export the network with the scores they come from.");
        return type == OnnxElementType.Float ? output : writer.To(output, OnnxElementType.Float);
    }

    private string Planes(string output)
    {
        var planes = Real(output);
        if (IsLast)
            planes = writer.Op("Transpose", [planes], OnnxAttribute.Of("perm", [0L, 3, 1, 2]));
        var (height, width) = (graph.Grid.Height, graph.Grid.Width);
        var shape = inner.Output(_spec.Name).Shape;
        var first = IsLast ? 1 : 2;
        if (shape is { Count: 4 } && shape[first].Size == height && shape[first + 1].Size == width)
            return planes;
        // Bilinear between the centres of pixels, which divide the image evenly.
        var sizes = writer.Concat(0, writer.Slice(writer.Op("Shape", [planes]), 0, 0, 2), writer.Ints(height, width));
        return writer.Op(
            "Resize", [planes, "", "", sizes], OnnxAttribute.Of("mode", "linear"),
            OnnxAttribute.Of("coordinate_transformation_mode", "half_pixel"));
    }

    private string Activated(string values) => _spec.Activation switch
    {
        OutputActivation.Softmax => writer.Op("Softmax", [values], OnnxAttribute.Of("axis", 1L)),
        OutputActivation.Sigmoid => writer.Op("Sigmoid", [values]),
        _ => values,
    };

    private string Inverses(string inverse, string used, string plain)
    {
        var rest = writer.Op("Expand", [writer.Scalar(0), writer.Concat(
            0, writer.Count(plain), writer.Ints(2, (long)graph.Grid.Height * graph.Grid.Width))]);
        return writer.Concat(0, writer.Rows(inverse, used), rest);
    }
}
