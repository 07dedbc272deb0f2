using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.RandomNumbers;
using TorchSharp;
using F = TorchSharp.torch.nn.functional;

namespace DiffeoNN.Onnx.Training.Tests;

/// <summary>Networks of every layer that new architectures need, as ONNX graphs and by TorchSharp's functions.</summary>
internal static class SmallNetworks
{
    public const int Size = 12;

    /// <summary>Convolutions plain, strided, grouped and transposed, two normalisations, a matrix product.</summary>
    public static OnnxModel Mixed()
    {
        var random = new SplitMix64(5);
        var model = new OnnxModel { ProducerName = "test", ProducerVersion = "3" };
        model.OpsetImports[""] = 21;
        model.Metadata["origin"] = "a test";
        var g = model.Graph;
        g.Name = "mixed";
        g.Inputs.Add(new OnnxValueInfo("image", OnnxElementType.Float, ["N", 2L, Size, Size]));
        string Weight(string name, params long[] shape)
        {
            var count = shape.Aggregate(1L, (a, b) => a * b);
            var fan = Math.Sqrt(shape.Length > 1 ? count / (double)shape[0] : 1);
            var middle = shape.Length == 1 ? 1 : 0;
            return g.AddInitializer(OnnxTensor.Create<float>(
                name, shape, [.. Enumerable.Range(0, (int)count).Select(_ => (float)(middle + (random.Normal() / fan)))]));
        }

        static OnnxAttribute Ints(string name, params long[] values) => OnnxAttribute.Of(name, values);
        g.AddNode("Conv", ["image", Weight("a.w", 8, 2, 3, 3), Weight("a.b", 8)], "a", Ints("pads", 1, 1, 1, 1));
        g.AddNode("InstanceNormalization", ["a", Weight("n.w", 8), Weight("n.b", 8)], "n");
        g.AddNode("Relu", ["n"], "ar");
        g.AddNode("Conv", ["ar", Weight("b.w", 8, 1, 3, 3)], "b", Ints("pads", 1, 1, 1, 1), OnnxAttribute.Of("group", 8L));
        g.AddNode("Sigmoid", ["b"], "bs");
        g.AddNode("Mul", ["b", "bs"], "silu");
        g.AddNode("Conv", ["silu", Weight("c.w", 12, 8, 3, 3), Weight("c.b", 12)], "c", Ints("pads", 1, 1, 1, 1), Ints("strides", 2, 2));
        g.AddNode("GroupNormalization", ["c", Weight("m.w", 12), Weight("m.b", 12)], "m", OnnxAttribute.Of("num_groups", 3L));
        g.AddNode("Tanh", ["m"], "mt");
        g.AddNode("Conv", ["mt", Weight("d.w", 6, 12, 1, 1)], "d");
        g.AddNode("ConvTranspose", ["d", Weight("e.w", 6, 3, 2, 2), Weight("e.b", 3)], "e", Ints("strides", 2, 2));
        g.AddNode("ConvTranspose", ["e", Weight("f.w", 3, 2, 4, 4)], "f", Ints("strides", 2, 2), Ints("pads", 1, 1, 1, 1));
        g.AddNode("MaxPool", ["f"], "p", Ints("kernel_shape", 4, 4), Ints("strides", 4, 4));
        g.AddNode("Flatten", ["p"], "flat", OnnxAttribute.Of("axis", 1L));
        g.AddNode("Gemm", ["flat", Weight("g.w", 3, 72), Weight("g.b", 3)], "logits", OnnxAttribute.Of("transB", 1L));
        g.Outputs.Add(new OnnxValueInfo("logits", OnnxElementType.Float, ["N", 3L]));
        return model;
    }

    /// <summary>The same by TorchSharp.</summary>
    public static torch.Tensor Mixed(torch.Tensor image, Func<string, torch.Tensor> w)
    {
        var x = F.conv2d(image, w("a.w"), w("a.b"), padding: [1, 1]);
        x = F.relu(F.instance_norm(x, weight: w("n.w"), bias: w("n.b")));
        x = F.conv2d(x, w("b.w"), padding: [1, 1], groups: 8);
        x = F.conv2d(x * x.sigmoid(), w("c.w"), w("c.b"), strides: [2, 2], padding: [1, 1]);
        x = F.group_norm(x, 3, w("m.w"), w("m.b")).tanh();
        x = F.conv_transpose2d(F.conv2d(x, w("d.w")), w("e.w"), w("e.b"), strides: [2, 2]);
        x = F.max_pool2d(F.conv_transpose2d(x, w("f.w"), strides: [2, 2], padding: [1, 1]), [4, 4]);
        return F.linear(x.flatten(1), w("g.w"), w("g.b"));
    }

    /// <summary>A critic as the bundles have them: convolutions, SiLU, the image joined again, a mean over pixels.</summary>
    public static OnnxModel Critic()
    {
        var random = new SplitMix64(6);
        var model = new OnnxModel();
        model.OpsetImports[""] = 18;
        var g = model.Graph;
        g.Name = "critic";
        g.Inputs.Add(new OnnxValueInfo("image", OnnxElementType.Float, ["N", 1L, Size, Size]));
        string Weight(string name, params long[] shape) => g.AddInitializer(OnnxTensor.Create<float>(name, shape,
            [.. Enumerable.Range(0, (int)shape.Aggregate(1L, (a, b) => a * b)).Select(_ => (float)(0.2 * random.Normal()))]));
        var pads = OnnxAttribute.Of("pads", [2L, 2, 2, 2]);
        g.AddNode("AveragePool", ["image"], "small", OnnxAttribute.Of("kernel_shape", [2L, 2]), OnnxAttribute.Of("strides", [2L, 2]));
        g.AddNode("Conv", ["small", Weight("a.w", 6, 1, 5, 5), Weight("a.b", 6)], "a", pads);
        g.AddNode("Sigmoid", ["a"], "as");
        g.AddNode("Mul", ["a", "as"], "ah");
        g.AddNode("Concat", ["ah", "small"], "joined", OnnxAttribute.Of("axis", 1L));
        g.AddNode("Conv", ["joined", Weight("b.w", 6, 7, 5, 5), Weight("b.b", 6)], "b", pads);
        g.AddNode("Sigmoid", ["b"], "bs");
        g.AddNode("Mul", ["b", "bs"], "bh");
        g.AddNode("Conv", ["bh", Weight("c.w", 1, 6, 5, 5), Weight("c.b", 1)], "c", pads);
        g.AddNode("ReduceMean", ["c", g.AddInitializer(OnnxTensor.Int64s("axes", 1, 2, 3))], "score", OnnxAttribute.Of("keepdims", 0L));
        g.Outputs.Add(new OnnxValueInfo("score", OnnxElementType.Float, ["N"]));
        return model;
    }

    /// <summary>y = x W for a vector of weights: the smallest thing that can be trained.</summary>
    public static OnnxModel Linear(int inputs, string name = "linear")
    {
        var random = new SplitMix64(7);
        var model = new OnnxModel();
        model.OpsetImports[""] = 18;
        model.Graph.Name = name;
        model.Graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, ["N", (long)inputs]));
        model.Graph.AddInitializer(OnnxTensor.Create<float>(
            "w", [inputs, 1], [.. Enumerable.Range(0, inputs).Select(_ => (float)random.Normal())]));
        model.Graph.AddNode("MatMul", ["x", "w"], "y");
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, ["N", 1L]));
        return model;
    }

    /// <summary>Cross entropy of a network of classes.</summary>
    public static Objective Classes(TrainableNetwork network, params OnnxDimension[] image)
    {
        var builder = new ObjectiveBuilder("classes", 21);
        var output = builder.Add(network, new Dictionary<string, string> { ["image"] = builder.Input("image", image) });
        builder.Term("entropy", builder.CrossEntropy(output["logits"], builder.Input("labels", OnnxElementType.Int64, "N")));
        return builder.Build(TestSetup.Engine);
    }

    /// <summary>Squared error of <see cref="Linear"/>.</summary>
    public static Objective Squares(TrainableNetwork network, int inputs)
    {
        var builder = new ObjectiveBuilder("squares");
        var output = builder.Add(network, new Dictionary<string, string> { ["x"] = builder.Input("x", "N", inputs) });
        builder.Term("error", builder.MeanSquaredError(output["y"], builder.Input("target", "N", 1L)));
        return builder.Build(TestSetup.Engine);
    }
}
