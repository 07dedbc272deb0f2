using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Bundles;

/// <summary>Frees the batch of a network that was exported for one size of it, where that provably changes no image's result: where every
/// operator between input and outputs treats each image by itself and keeps the batch in front.</summary>
/// <remarks>Sizes of the batch that the exporter wrote into shapes are taken out again. What is not proven stays as it is, and is run in
/// batches of its size: see <see cref="BatchProof"/>.</remarks>
internal static class FreeBatch
{
    /// <summary>The network with a free batch; null where that is not proven.</summary>
    /// <param name="network">Left untouched.</param>
    /// <param name="input">Its input of images, whose first size is fixed.</param>
    public static OnnxModel? Apply(OnnxModel network, string input) => Apply(network, input, out _);

    /// <summary>The network with a free batch; null where that is not proven.</summary>
    /// <param name="network">Left untouched.</param>
    /// <param name="input">Its input of images, whose first size is fixed.</param>
    /// <param name="reason">Why it is not proven, as a clause; null where it is.</param>
    public static OnnxModel? Apply(OnnxModel network, string input, out string? reason)
    {
        try
        {
            var model = OpsetConverter.Convert(network, Math.Max(GradientCompiler.MinimumOpset, network.Opset)).Copy();
            var graph = model.Graph;
            var batch = graph.Input(input).Shape![0].Size!.Value;
            reason = graph.Outputs.Find(output => output.Shape is not { Count: > 0 } shape || shape[0].Size != batch) is { } other
                ? $"output '{other.Name}' does not have {batch} in its first dimension" : null;
            if (reason is not null) return null;
            var proof = new BatchProof(model, input, batch);
            reason = proof.Reason();
            if (reason is not null) return null;
            foreach (var (node, index, shape) in proof.Shapes) Free(graph, node, index, shape);
            var place = graph.Inputs.FindIndex(value => value.Name == input);
            graph.Inputs[place] = WithFreeBatch(graph.Inputs[place]);
            for (var i = 0; i < graph.Outputs.Count; i++) graph.Outputs[i] = WithFreeBatch(graph.Outputs[i]);
            graph.ValueInfos.Clear();
            return model;
        }
        catch (GradientException error)
        {
            // What the compiler's own tools do not understand is not proven.
            reason = error.Message.TrimEnd('.');
            return null;
        }
    }

    /// <summary>Gives a node a shape without the batch's size.</summary>
    private static void Free(OnnxGraph graph, OnnxNode node, int index, long[] shape)
    {
        var name = $"diffeonn/free_batch/{node.Outputs[0]}";
        if (node.OpType == "Resize")
        {
            // All sizes have to be given: the first two are those of the image.
            var (place, own) = (graph.Nodes.IndexOf(node), node.Input(0));
            string Ints(string suffix, params long[] values) => graph.AddInitializer(OnnxTensor.Int64s($"{name}/{suffix}", values));
            graph.Nodes.InsertRange(place,
            [
                new OnnxNode("Shape", [own], [$"{name}/shape"]) { Name = $"{name}/shape" },
                new OnnxNode("Slice", [$"{name}/shape", Ints("start", 0), Ints("end", 2)], [$"{name}/kept"]) { Name = $"{name}/kept" },
                new OnnxNode("Concat", [$"{name}/kept", Ints("sizes", shape[2..])], [name], OnnxAttribute.Of("axis", 0L)) { Name = name },
            ]);
            node.Inputs[index] = name;
            return;
        }

        node.Inputs[index] = graph.AddInitializer(OnnxTensor.Int64s(name, shape));
    }

    private static OnnxValueInfo WithFreeBatch(OnnxValueInfo value) => value with { Shape = ["N", .. value.Shape!.Skip(1)] };
}
