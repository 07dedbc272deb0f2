using Microsoft.ML.OnnxRuntime;

namespace DiffeoNN.Onnx.Gradients.Tests.Model;

/// <summary>Networks in float16, bfloat16 and float64, and in several types at once.</summary>
public sealed class PrecisionModelTests
{
    private const int Opset = 22;

    private static OnnxTensor Numbers(string name, double scale, params long[] shape)
    {
        var random = new Random(name.Length + (int)shape[^1]);
        return OnnxTensor.FromDoubles(name, OnnxElementType.Float, shape,
            [.. Enumerable.Range(0, (int)shape.Aggregate(1L, (a, b) => a * b)).Select(_ => ((random.NextDouble() * 2) - 1) * scale)]);
    }

    private static OnnxModel Model(OnnxDimension[] input, Action<OnnxGraph> build)
    {
        var model = new OnnxModel { IrVersion = 10, OpsetImports = { [""] = Opset } };
        model.Graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, input));
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, null));
        build(model.Graph);
        return model;
    }

    /// <summary>Convolution, batch normalisation, pooling, upsampling, a joined skip, sigmoid.</summary>
    private static OnnxModel Convolutions => Model(["N", 2, 6, 6], g =>
    {
        foreach (var tensor in new[] { Numbers("w1", 0.5, 3, 2, 3, 3), Numbers("w22", 0.5, 2, 5, 3, 3), Numbers("b1", 0.5, 3),
            Numbers("mean", 0.5, 3) })
            g.AddInitializer(tensor);
        g.AddInitializer(OnnxTensor.FromDoubles("one", OnnxElementType.Float, [3], [1, 0.8, 1.2]));
        g.AddInitializer(OnnxTensor.FromDoubles("scales", OnnxElementType.Float, [4], [1, 1, 2, 2]));
        g.AddNode("Conv", ["x", "w1", "b1"], "c", OnnxAttribute.Of("pads", [1L, 1, 1, 1]));
        g.AddNode("BatchNormalization", ["c", "one", "b1", "mean", "one"], "n");
        g.AddNode("Relu", ["n"], "r");
        g.AddNode("AveragePool", ["r"], "p", OnnxAttribute.Of("kernel_shape", [2L, 2]), OnnxAttribute.Of("strides", [2L, 2]));
        g.AddNode("Resize", ["p", "", "scales"], "u", OnnxAttribute.Of("mode", "linear"));
        g.AddNode("Concat", ["u", "x"], "j", OnnxAttribute.Of("axis", 1L));
        g.AddNode("Conv", ["j", "w22"], "d");
        g.AddNode("Sigmoid", ["d"], "y");
    });

    /// <summary>Layer normalisation, attention with a mask, a residual, and a layer with Tanh.</summary>
    private static OnnxModel Transformer => Model(["N", 5, 4], g =>
    {
        foreach (var tensor in new[] { Numbers("q", 0.8, 4, 4), Numbers("kk", 0.8, 4, 4), Numbers("vvv", 0.8, 4, 4),
            Numbers("w1", 0.8, 4, 8), Numbers("w2", 0.8, 8, 4), Numbers("scale", 1, 4) })
            g.AddInitializer(tensor);
        g.AddInitializer(OnnxTensor.FromDoubles(
            "mask", OnnxElementType.Bool, [5, 5], [.. Enumerable.Range(0, 25).Select(i => i % 5 <= i / 5 ? 1.0 : 0)]));
        g.AddInitializer(OnnxTensor.FromDoubles("low", OnnxElementType.Float, [], [-100]));
        g.AddNode("LayerNormalization", ["x", "scale"], "n");
        g.AddNode("MatMul", ["n", "q"], "queries");
        g.AddNode("MatMul", ["n", "kk"], "keys");
        g.AddNode("MatMul", ["n", "vvv"], "values");
        g.AddNode("Transpose", ["keys"], "turned", OnnxAttribute.Of("perm", [0L, 2, 1]));
        g.AddNode("MatMul", ["queries", "turned"], "scores");
        g.AddNode("Where", ["mask", "scores", "low"], "masked");
        g.AddNode("Softmax", ["masked"], "weights");
        g.AddNode("MatMul", ["weights", "values"], "attended");
        g.AddNode("Add", ["attended", "x"], "a");
        g.AddNode("MatMul", ["a", "w1"], "wide");
        g.AddNode("Tanh", ["wide"], "g");
        g.AddNode("MatMul", ["g", "w2"], "narrow");
        g.AddNode("Add", ["narrow", "a"], "y");
    });

    private static OnnxModel Lstm => Model([7, "N", 3], g =>
    {
        foreach (var tensor in new[] { Numbers("w", 0.8, 2, 8, 3), Numbers("r", 0.8, 2, 8, 2), Numbers("bias", 0.8, 2, 16),
            Numbers("out", 0.8, 4, 3) })
            g.AddInitializer(tensor);
        g.AddInitializer(OnnxTensor.Int64s("shape", [0, 0, -1]));
        g.Nodes.Add(new OnnxNode("LSTM", ["x", "w", "r", "bias"], ["h"], OnnxAttribute.Of("hidden_size", 2),
            OnnxAttribute.Of("direction", "bidirectional")));
        g.AddNode("Transpose", ["h"], "t", OnnxAttribute.Of("perm", [0L, 2, 1, 3]));
        g.AddNode("Reshape", ["t", "shape"], "f");
        g.AddNode("MatMul", ["f", "out"], "l");
        g.AddNode("LogSoftmax", ["l"], "y");
    });

    private static IEnumerable<TestCaseData> Networks() =>
        from network in new (string Name, OnnxModel Model, long[] Shape)[] { ("convolutions", Convolutions, [2, 2, 6, 6]),
            ("transformer", Transformer, [2, 5, 4]), ("LSTM", Lstm, [7, 2, 3]) }
        from type in new[] { OnnxElementType.Float16, OnnxElementType.BFloat16, OnnxElementType.Double }
        select new TestCaseData(network.Model, network.Shape, type).SetArgDisplayNames(network.Name, $"{type}");

    [TestCaseSource(nameof(Networks))]
    public void Network_HasItsGradientsInItsType(OnnxModel single, long[] shape, object elementType)
    {
        var type = (OnnxElementType)elementType;
        var options = new GradientOptions { Weights = true };
        var gradient = GradientCompiler.Compile(Precision.Of(single, type), options);
        var outputs = gradient.Graph.Outputs.Where(o => o.Name.EndsWith("_grad", StringComparison.Ordinal)).ToList();
        Assert.That(outputs.Where(o => o.Name != "scales_grad").Select(o => o.ElementType), Is.All.EqualTo(type));
        Runner running;
        try
        {
            running = new Runner(gradient, optimise: false);
        }
        catch (OnnxRuntimeException e)
        {
            // What is missing are kernels alone: the runtime accepted the types of every node before it looked for them.
            Assert.That(type == OnnxElementType.Float16, Is.False, e.Message);
            Assert.That(e.Message, Does.StartWith("[ErrorCode:NotImplemented]"));
            return;
        }

        using var runner = running;
        // The runtime loads an LSTM in float64 and refuses to run it.
        if (type == OnnxElementType.Double && single.Graph.Nodes.Exists(n => n.OpType == "LSTM"))
            return;
        Dictionary<string, OnnxTensor> values = new() { ["x"] = Precision.Of(Numbers("x", 1.5, shape), type) };
        foreach (var (name, tensor) in GradientCheck.Upstream(
            runner.Run(new Dictionary<string, OnnxTensor>(values) { ["y_grad"] = Zeros(single, values, type) }, ["y"]),
            ["y"], new Random(6)))
            values[$"{name}_grad"] = tensor;
        var actual = runner.Run(values, [.. outputs.Select(o => o.Name)]);
        using var reference = new Runner(GradientCompiler.Compile(single, options), optimise: false);
        foreach (var (name, expected) in reference.Run(values.ToDictionary(v => v.Key, v => Narrow(v.Value)),
            [.. outputs.Select(o => o.Name)]))
            GradientCheck.AreClose(
                actual[name].ToDoubleArray(), expected.ToDoubleArray(), type == OnnxElementType.Double ? 1e-4 : 2e-2, name);
        if (type != OnnxElementType.Double)
            return;
        using var wide = new Runner(Precision.Of(single, type), optimise: false);
        var differences = GradientCheck.FiniteDifferences(
            wide, values, new Dictionary<string, OnnxTensor> { ["y"] = values["y_grad"] }, ["x"], 1e-3);
        GradientCheck.AreClose(actual["x_grad"].ToDoubleArray(), differences["x"], 1e-6, "x in float64");
    }

    private static OnnxTensor Narrow(OnnxTensor tensor) =>
        OnnxTensor.FromDoubles(tensor.Name, OnnxElementType.Float, tensor.Dimensions, tensor.ToDoubleArray());

    private static OnnxTensor Zeros(OnnxModel single, Dictionary<string, OnnxTensor> values, OnnxElementType type)
    {
        using var forward = new Runner(single, optimise: false);
        var y = forward.Run(values.ToDictionary(v => v.Key, v => Narrow(v.Value)))["y"];
        return OnnxTensor.FromDoubles("y_grad", type, y.Dimensions, new double[y.Count]);
    }

    /// <summary>Casts lie between three types; every gradient comes back in its value's own.</summary>
    [Test]
    public void MixedTypes_GetGradientsInTheirOwn()
    {
        OnnxModel Mixed(bool single) => Model([3], g =>
        {
            OnnxElementType Type(OnnxElementType type) => single ? OnnxElementType.Double : type;
            g.Inputs[0] = new("x", Type(OnnxElementType.Float16), [3]);
            g.Inputs.AddRange([new("a", Type(OnnxElementType.Float), [3]), new("b", OnnxElementType.Double, [3])]);
            g.Outputs[0] = new("y", OnnxElementType.Double, [3]);
            g.AddNode("Mul", ["x", "x"], "xx");
            g.AddNode("Cast", ["xx"], "x32", OnnxAttribute.Of("to", (long)Type(OnnxElementType.Float)));
            g.AddNode("Mul", ["x32", "a"], "xa");
            g.AddNode("Cast", ["xa"], "x64", OnnxAttribute.Of("to", 11L));
            g.AddNode("Sin", ["b"], "s");
            g.AddNode("Mul", ["x64", "s"], "y");
        });
        Dictionary<string, OnnxTensor> inputs = new()
        {
            ["x"] = OnnxTensor.FromDoubles("x", OnnxElementType.Float16, [3], [0.5, -1.25, 2]),
            ["a"] = OnnxTensor.FromDoubles("a", OnnxElementType.Float, [3], [1.5, 0.25, -1]),
            ["b"] = OnnxTensor.FromDoubles("b", OnnxElementType.Double, [3], [0.3, -0.4, 0.9]),
        };
        Dictionary<string, OnnxTensor> upstream = new() { ["y"] = OnnxTensor.FromDoubles("y", OnnxElementType.Double, [3], [1, -2, 0.5]) };
        var actual = GradientCheck.Gradients(GradientCompiler.Compile(Mixed(single: false)), inputs, upstream);
        using var forward = new Runner(Mixed(single: true), optimise: false);
        var expected = GradientCheck.FiniteDifferences(forward, GradientCheck.Widened(inputs), upstream, inputs.Keys, 1e-3);
        foreach (var (name, tolerance) in new[] { ("x", 2e-3), ("a", 1e-5), ("b", 1e-6) })
        {
            Assert.That(actual[name].ElementType, Is.EqualTo(inputs[name].ElementType), name);
            GradientCheck.AreClose(actual[name].ToDoubleArray(), expected[name], tolerance, name);
        }
    }
}
