using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Benchmarks;

/// <summary>The same networks as ONNX models, as an exporter would write them.</summary>
internal static class OnnxNetworks
{
    /// <summary>Input <c>image</c>; outputs <c>reconstruction</c>, <c>mu</c>, <c>logvar</c>.</summary>
    public static OnnxModel Vae(ReferenceNetworks networks)
    {
        var graph = Graph("vae", networks.Size);
        var h = "image";
        for (var i = 0; i < networks.Encoder.Length; i++)
        {
            h = Convolution(graph, "Conv", h, networks.Encoder[i], $"encoder{i}", stride: 2, padding: 1);
            h = graph.AddNode("Relu", [h], $"encoded{i}");
        }

        h = graph.AddNode("Flatten", [h], "features", OnnxAttribute.Of("axis", 1L));
        Dense(graph, h, networks.Mean, "mu");
        Dense(graph, h, networks.LogVariance, "logvar");
        h = graph.AddNode("Relu", [Dense(graph, "mu", networks.FromLatent, "fromLatent")], "unfolded");
        var shape = graph.AddInitializer(OnnxTensor.Int64s("shape", -1, networks.Decoder[0].Shape[0], networks.Bottom, networks.Bottom));
        h = graph.AddNode("Reshape", [h, shape], "reshaped");
        for (var i = 0; i < networks.Decoder.Length; i++)
        {
            h = Convolution(graph, "ConvTranspose", h, networks.Decoder[i], $"decoder{i}", stride: 2, padding: 1);
            h = i < networks.Decoder.Length - 1
                ? graph.AddNode("Relu", [h], $"decoded{i}")
                : graph.AddNode("Sigmoid", [h], "reconstruction");
        }

        graph.Outputs.Add(new OnnxValueInfo("reconstruction", OnnxElementType.Float, ["N", 1L, networks.Size, networks.Size]));
        graph.Outputs.Add(new OnnxValueInfo("mu", OnnxElementType.Float, ["N", ReferenceNetworks.Latent]));
        graph.Outputs.Add(new OnnxValueInfo("logvar", OnnxElementType.Float, ["N", ReferenceNetworks.Latent]));
        return Model(graph);
    }

    /// <summary>Input <c>image</c>; output <c>score</c>, one a pixel.</summary>
    public static OnnxModel Critic(ReferenceNetworks networks)
    {
        var graph = Graph("critic", networks.Size);
        var h = "image";
        for (var i = 0; i < networks.Critic.Length; i++)
        {
            var last = i == networks.Critic.Length - 1;
            var input = i == 0 ? h : graph.AddNode("Concat", [h, "image"], $"joined{i}", OnnxAttribute.Of("axis", 1L));
            h = Convolution(graph, "Conv", input, networks.Critic[i], last ? "score" : $"critic{i}", stride: 1, padding: 2);
            if (!last)
                h = graph.AddNode("Relu", [h], $"rectified{i}");
        }

        graph.Outputs.Add(new OnnxValueInfo("score", OnnxElementType.Float, ["N", 1L, networks.Size, networks.Size]));
        return Model(graph);
    }

    private static OnnxGraph Graph(string name, int size)
    {
        var graph = new OnnxGraph { Name = name };
        graph.Inputs.Add(new OnnxValueInfo("image", OnnxElementType.Float, ["N", 1L, size, size]));
        return graph;
    }

    private static OnnxModel Model(OnnxGraph graph)
    {
        var model = new OnnxModel { Graph = graph };
        model.OpsetImports[""] = 17;
        return model;
    }

    private static string Convolution(OnnxGraph graph, string operation, string input, Layer layer, string name, long stride, long padding)
    {
        var (weight, bias) = Weights(graph, layer, name);
        return graph.AddNode(
            operation, [input, weight, bias], name,
            OnnxAttribute.Of("kernel_shape", [layer.Shape[2], layer.Shape[3]]),
            OnnxAttribute.Of("strides", [stride, stride]),
            OnnxAttribute.Of("pads", [padding, padding, padding, padding]));
    }

    private static string Dense(OnnxGraph graph, string input, Layer layer, string name)
    {
        var (weight, bias) = Weights(graph, layer, name);
        return graph.AddNode("Gemm", [input, weight, bias], name, OnnxAttribute.Of("transB", 1L));
    }

    private static (string Weight, string Bias) Weights(OnnxGraph graph, Layer layer, string name) =>
        (graph.AddInitializer(OnnxTensor.Create<float>(name + ".weight", layer.Shape, layer.Weight)),
         graph.AddInitializer(OnnxTensor.Create<float>(name + ".bias", [layer.Bias.Length], layer.Bias)));
}
