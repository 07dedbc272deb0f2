using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Bundles;

/// <summary>Makes a network deterministic: nodes that draw random numbers stand at their mean, and dropout lets everything pass.</summary>
/// <remarks>
/// In a VAE that samples its latent as mu + sigma * noise, noise at its mean is the posterior mean: an energy that sampled would be
/// random itself. Only dense noise has such a mean; Bernoulli and Multinomial nodes are refused.
/// </remarks>
public static class PosteriorMean
{
    /// <summary>Replaces random nodes.</summary>
    /// <param name="model">Left untouched.</param>
    /// <returns>The deterministic model and what was replaced.</returns>
    /// <exception cref="OnnxModelException">A node draws from a distribution whose mean cannot stand in for a sample.</exception>
    public static PosteriorMeanResult Apply(OnnxModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var inFunctions = model.Functions.SelectMany(function => AllNodes(function.Nodes)).Any(IsRandom);
        if (!inFunctions && !AllNodes(model.Graph.Nodes).Any(IsRandom)) return new PosteriorMeanResult(model, []);

        // A copy shares functions and the graphs inside nodes, which may be about to change.
        var shared = inFunctions || AllNodes(model.Graph.Nodes).Except(model.Graph.Nodes).Any(IsRandom);
        var result = shared ? OnnxModel.Parse(model.ToBytes()) : model.Copy();

        // ConstantOfShape came with version 9.
        if (result.Opset < 9) result = OpsetConverter.Convert(result, 9);
        var replaced = new List<string>();
        Replace(result.Graph.Nodes, [result.Graph], replaced);
        for (var i = 0; i < result.Functions.Count; i++)
        {
            List<OnnxNode> body = [.. result.Functions[i].Nodes];
            Replace(body, [], replaced);
            result.Functions[i] = result.Functions[i] with { Nodes = body };
        }

        return new PosteriorMeanResult(result, replaced);
    }

    /// <param name="nodes">Changed in place.</param>
    /// <param name="graphs">Those whose values the nodes can see, the innermost first.</param>
    /// <param name="replaced">Grows by the nodes that were replaced.</param>
    private static void Replace(List<OnnxNode> nodes, OnnxGraph[] graphs, List<string> replaced)
    {
        for (var i = 0; i < nodes.Count; i++)
        {
            var node = nodes[i];
            foreach (var inner in node.Attributes.Values.SelectMany(attribute => attribute.Graphs))
                Replace(inner.Nodes, [inner, .. graphs], replaced);
            if (!IsRandom(node)) continue;
            replaced.Add(node.ToString());
            if (node.OpType == "Dropout")
            {
                node.Inputs.RemoveRange(2, node.Inputs.Count - 2);
                continue;
            }

            var mean = node.OpType switch
            {
                "RandomNormal" or "RandomNormalLike" => node.GetFloat("mean", 0),
                "RandomUniform" or "RandomUniformLike" => (node.GetFloat("low", 0) + node.GetFloat("high", 1)) / 2,
                _ => throw new OnnxModelException(
                    $"{node} draws samples whose mean cannot stand in for them; export the network without it (model.eval())."),
            };
            var shape = $"{node.Outputs[0]}/shape";
            var like = node.Input(0);
            nodes[i] = like.Length > 0
                ? new OnnxNode("Shape", [like], [shape]) { Name = shape }
                : new OnnxNode("Constant", [], [shape], OnnxAttribute.Of("value", OnnxTensor.Int64s("", [.. node.GetInts("shape") ?? []])))
                {
                    Name = shape,
                };
            var type = (OnnxElementType)node.GetInt("dtype", (long)TypeOf(like, graphs));
            var value = OnnxTensor.FromDoubles("", type, [1], [mean]);
            nodes.Insert(
                ++i, new OnnxNode("ConstantOfShape", [shape], node.Outputs, OnnxAttribute.Of("value", value)) { Name = node.Name });
        }
    }

    private static bool IsRandom(OnnxNode node) => node.Domain.Length == 0 && node.OpType switch
    {
        "RandomNormal" or "RandomNormalLike" or "RandomUniform" or "RandomUniformLike" or "Bernoulli" or "Multinomial" => true,
        "Dropout" => node.Input(2).Length > 0,
        _ => false,
    };

    /// <summary>A value's element type where the model says it; else float32, which noise nearly always is.</summary>
    private static OnnxElementType TypeOf(string name, OnnxGraph[] graphs)
    {
        foreach (var graph in graphs)
        {
            if (graph.Initializers.TryGetValue(name, out var tensor)) return tensor.ElementType;
            var info = graph.Inputs.Concat(graph.ValueInfos).Concat(graph.Outputs).FirstOrDefault(value => value.Name == name);
            if (info is not null && info.ElementType.IsFloat()) return info.ElementType;
        }

        return OnnxElementType.Float;
    }

    private static IEnumerable<OnnxNode> AllNodes(IEnumerable<OnnxNode> nodes) => nodes.SelectMany(node =>
        node.Attributes.Values.SelectMany(attribute => attribute.Graphs).SelectMany(graph => AllNodes(graph.Nodes)).Prepend(node));
}
