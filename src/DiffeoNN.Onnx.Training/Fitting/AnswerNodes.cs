using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Composition;
using DiffeoNN.Onnx.Gradients;
using TorchSharp;

namespace DiffeoNN.Onnx.Training.Fitting;

/// <summary>Arranges an inner network's output by nodes, as <see cref="AnswerKind.Arrange"/> does by tensors, so that a gradient passes.
/// </summary>
internal static class AnswerNodes
{
    private const string Name = "diffeonn/answer";

    /// <summary>Appends the nodes, and leaves the network this one output.</summary>
    /// <param name="model">Changed.</param>
    /// <param name="spec">What the manifest says of the output.</param>
    /// <param name="grids">Of the network and of the maps.</param>
    /// <returns>What the output means, its name, and why it cannot be learnt from, or null.</returns>
    public static (InnerAnswer Answer, string Output, string? Refusal) Write(OnnxModel model, OutputSpec spec, OutputGrids grids)
    {
        var graph = model.Graph;
        var isAnchored = spec.Kind != OutputKind.Boxes || spec.Anchors == true;
        if (!isAnchored)
            return (InnerAnswer.Boxes, spec.Name, $"answers with boxes '{spec.Name}' in no fixed order, so that those of two images cannot "
                + "be compared (\"anchors\": true says that they can)");
        var declared = graph.Output(spec.Name);
        if (!declared.ElementType.IsFloat())
            return (InnerAnswer.Values, spec.Name, $"answers with {declared}, whole numbers, through which no gradient passes (export it "
                + "with the scores)");
        // Some writers need a graph of their own names.
        var writer = new GraphWriter("diffeonn/answers", model.Opset);
        var value = spec.Kind switch
        {
            OutputKind.Segmentation or OutputKind.Image => spec.Layout == OutputLayout.ChannelsLast
                ? writer.Op("Transpose", [spec.Name], OnnxAttribute.Of("perm", [0L, 3, 1, 2]))
                : spec.Name,
            OutputKind.Points => ToKernelUnits(writer, writer.Reshape(spec.Name, 0, -1, 2), spec, grids),
            OutputKind.Boxes => Boxes(writer, spec, grids),
            _ => writer.Reshape(spec.Name, 0, -1),
        };
        writer.Graph.AddNode("Identity", [value], Name);
        graph.Nodes.AddRange(writer.Graph.Nodes);
        foreach (var constant in writer.Graph.Initializers.Values)
            graph.AddInitializer(constant);
        graph.Outputs.Clear();
        graph.Outputs.Add(new OnnxValueInfo(Name, OnnxElementType.Float, null));
        DeadCode.Remove(graph);
        return (Meaning(spec), Name, null);
    }

    private static InnerAnswer Meaning(OutputSpec spec) => (spec.Kind, spec.Activation) switch
    {
        (OutputKind.Points, _) => InnerAnswer.Points,
        (OutputKind.Boxes, _) => InnerAnswer.Boxes,
        (OutputKind.Regression or OutputKind.Image, _) => InnerAnswer.Values,
        (_, OutputActivation.Softmax) => InnerAnswer.Logits,
        (_, OutputActivation.Sigmoid) => InnerAnswer.BinaryLogits,
        _ => InnerAnswer.Scores,
    };

    private static string Boxes(GraphWriter writer, OutputSpec spec, OutputGrids grids)
    {
        var pairs = writer.Reshape(spec.Name, 0, -1, 2, 2);
        if (spec.Format == BoxFormat.Cxcywh)
        {
            var parts = writer.Split(pairs, 2, 1, 1);
            var half = writer.Mul(parts[1], 0.5);
            pairs = writer.Concat(2, writer.Sub(parts[0], half), writer.Add(parts[0], half));
        }

        var sorted = writer.Concat(2, writer.Reduce("ReduceMin", pairs, true, 2), writer.Reduce("ReduceMax", pairs, true, 2));
        var corners = writer.Reshape(ToKernelUnits(writer, writer.Reshape(sorted, 0, -1, 2), spec, grids), 0, -1, 4);
        var weight = writer.Add(writer.Mul(writer.Slice(corners, 2, 0, 1), 0), 1);
        if (spec.Scores is { } scores)
        {
            // (N, B) or (N, B, C): as many boxes as there are corners, whatever the rank.
            var boxes = writer.Slice(writer.Op("Shape", [corners]), 0, 0, 2);
            var values = writer.Op("Reshape", [scores, writer.Concat(0, boxes, writer.Ints(-1))]);
            weight = spec.Activation switch
            {
                OutputActivation.Softmax => writer.Op("Softmax", [values], OnnxAttribute.Of("axis", 2L)),
                OutputActivation.Sigmoid => writer.Op("Sigmoid", [values]),
                _ => values,
            };
            weight = writer.Reduce("ReduceMax", weight, true, 2);
        }

        return writer.Concat(2, corners, weight);
    }

    /// <summary>Coordinates (N, P, 2) in units that span [-1, 1] along each axis, x first.</summary>
    private static string ToKernelUnits(GraphWriter writer, string points, OutputSpec spec, OutputGrids grids)
    {
        // The conversion is linear in each coordinate: two points tell it.
        const double Far = 1024;
        using var scope = torch.NewDisposeScope();
        var probe = torch.tensor(new[] { 0, 0, Far, Far }).view(1, 2, 2);
        var told = Places.ToUnit(probe, spec with { Order = CoordinateOrder.Xy }, grids).contiguous().data<double>().ToArray();
        var (halfX, halfY) = (grids.Canonical.HalfWidth, grids.Canonical.HalfHeight);
        float[] scale = [(float)((told[2] - told[0]) / Far / halfX), (float)((told[3] - told[1]) / Far / halfY)];
        float[] shift = [(float)(told[0] / halfX), (float)(told[1] / halfY)];
        if (spec.Order == CoordinateOrder.Yx)
        {
            var parts = writer.Split(points, 2, 1, 1);
            points = writer.Concat(2, parts[1], parts[0]);
        }

        return writer.Add(writer.Mul(points, writer.Floats([1, 1, 2], scale)), writer.Floats([1, 1, 2], shift));
    }
}
