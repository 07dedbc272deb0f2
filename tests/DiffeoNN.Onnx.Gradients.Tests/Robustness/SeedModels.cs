namespace DiffeoNN.Onnx.Gradients.Tests.Robustness;

/// <summary>Small models of every kind, as a start for mutations.</summary>
internal static class SeedModels
{
    public static IEnumerable<(string Name, OnnxModel Model)> All()
    {
        yield return ("conv", Convolutional());
        yield return ("attention", Attention());
        yield return ("recurrent", Recurrent());
        yield return ("functions", Functions());
        yield return ("choice", Choice());
        yield return ("shapes", Shapes());
        yield return ("oldest", Oldest());
        yield return ("sparse", Resampling());
    }

    public static OnnxTensor Weights(string name, params long[] shape)
    {
        var random = new Random(shape.Length + name.Length);
        return OnnxTensor.FromDoubles(name, OnnxElementType.Float, shape,
            [.. Enumerable.Range(0, (int)shape.Aggregate(1L, (a, b) => a * b)).Select(_ => random.NextDouble() - 0.3)]);
    }

    private static OnnxValueInfo Float(string name, params OnnxDimension[] shape) => new(name, OnnxElementType.Float, shape);

    private static OnnxModel Model(int opset, Action<OnnxGraph> build)
    {
        var model = new OnnxModel { OpsetImports = { [""] = opset } };
        build(model.Graph);
        return model;
    }

    private static OnnxAttribute Ints(string name, params long[] values) => OnnxAttribute.Of(name, values);

    private static OnnxModel Convolutional() => Model(17, g =>
    {
        g.Inputs.Add(Float("x", "N", 2, 8, 8));
        foreach (var tensor in new[] { Weights("w1", 4, 2, 3, 3), Weights("b1", 4), Weights("w2", 4, 2, 2, 2), Weights("s", 4),
            Weights("b", 4), Weights("m", 4), Weights("w3", 18, 3), Weights("c3", 3) })
            g.AddInitializer(tensor);
        g.AddInitializer(OnnxTensor.FromDoubles("v", OnnxElementType.Float, [4], [1, 2, 3, 4]));
        g.AddNode("Conv", ["x", "w1", "b1"], "a", Ints("pads", 1, 1, 1, 1), Ints("strides", 2, 2));
        g.AddNode("BatchNormalization", ["a", "s", "b", "m", "v"], "n");
        g.AddNode("LeakyRelu", ["n"], "r", OnnxAttribute.Of("alpha", 0.1f));
        g.AddNode("MaxPool", ["r"], "p", Ints("kernel_shape", 2, 2), Ints("strides", 2, 2));
        g.AddNode("ConvTranspose", ["p", "w2"], "t", Ints("strides", 2, 2));
        g.AddNode("AveragePool", ["t"], "q", Ints("kernel_shape", 3, 3), Ints("pads", 1, 1, 1, 1), OnnxAttribute.Of("ceil_mode", 1),
            Ints("strides", 2, 2));
        g.AddNode("Flatten", ["q"], "f");
        g.AddNode("Gemm", ["f", "w3", "c3"], "h");
        g.AddNode("Softmax", ["h"], "y", OnnxAttribute.Of("axis", -1));
        g.Outputs.Add(Float("y", "N", 3));
    });

    private static OnnxModel Attention() => Model(18, g =>
    {
        g.Inputs.Add(Float("x", "N", "T", 8));
        foreach (var tensor in new[] { Weights("wq", 8, 8), Weights("wk", 8, 8), Weights("wv", 8, 8), Weights("gain", 8),
            Weights("offset", 8) })
            g.AddInitializer(tensor);
        g.AddInitializer(OnnxTensor.Int64s("heads", 0, 0, 2, 4));
        g.AddInitializer(OnnxTensor.Int64s("merge", 0, 0, -1));
        g.AddInitializer(OnnxTensor.Scalar("scale", 0.5f));
        g.AddInitializer(OnnxTensor.Int64s("last", -1));
        g.AddNode("LayerNormalization", ["x", "gain", "offset"], "l");
        foreach (var part in new[] { "q", "k", "v" })
        {
            g.AddNode("MatMul", ["l", "w" + part], part + "0");
            g.AddNode("Reshape", [part + "0", "heads"], part + "1");
            g.AddNode("Transpose", [part + "1"], part + "2", Ints("perm", part == "k" ? [0, 2, 3, 1] : [0, 2, 1, 3]));
        }

        g.AddNode("MatMul", ["q2", "k2"], "s0");
        g.AddNode("Mul", ["s0", "scale"], "s1");
        g.AddNode("Softmax", ["s1"], "s2", OnnxAttribute.Of("axis", -1));
        g.AddNode("MatMul", ["s2", "v2"], "o0");
        g.AddNode("Transpose", ["o0"], "o1", Ints("perm", 0, 2, 1, 3));
        g.AddNode("Reshape", ["o1", "merge"], "o2");
        g.AddNode("Add", ["x", "o2"], "o3");
        g.AddNode("Gelu", ["o3"], "unsupported-below-20");
        g.AddNode("ReduceMean", ["o3", "last"], "y", OnnxAttribute.Of("keepdims", 0));
        g.Outputs.Add(Float("y", "N", "T"));
    });

    private static OnnxModel Recurrent() => Model(14, g =>
    {
        g.Inputs.Add(Float("x", 5, 2, 3));
        g.AddInitializer(Weights("w", 1, 16, 3));
        g.AddInitializer(Weights("r", 1, 16, 4));
        g.AddInitializer(Weights("b", 1, 32));
        g.Nodes.Add(new OnnxNode("LSTM", ["x", "w", "r", "b"], ["all", "last", "cell"], OnnxAttribute.Of("hidden_size", 4),
            OnnxAttribute.Of("direction", "forward")) { Name = "lstm" });
        g.AddInitializer(OnnxTensor.Int64s("axes", 0));
        g.AddNode("Squeeze", ["last", "axes"], "h");
        g.AddNode("Tanh", ["h"], "y");
        g.Outputs.Add(Float("y", 2, 4));
        g.Outputs.Add(Float("all", 5, 1, 2, 4));
    });

    private static OnnxModel Functions()
    {
        var model = Model(17, g =>
        {
            g.Inputs.Add(Float("x", "N", 3));
            g.Nodes.Add(new OnnxNode("Block", ["x", ""], ["a"], OnnxAttribute.Of("slope", 0.2f)) { Domain = "local", Name = "first" });
            g.Nodes.Add(new OnnxNode("Block", ["a", "x"], ["y"]) { Domain = "local", Name = "second" });
            g.Outputs.Add(Float("y", "N", 3));
        });
        model.OpsetImports["local"] = 1;
        model.IrVersion = 10;
        var opsets = new Dictionary<string, long> { [""] = 17, ["local"] = 1 };
        model.Functions.Add(new OnnxFunction("local", "Inner", "", ["a"], ["b"], [new OnnxNode("Exp", ["a"], ["b"])], [], opsets));
        model.Functions.Add(new OnnxFunction("local", "Block", "", ["in", "limit"], ["out"],
        [
            new OnnxNode("Inner", ["in"], ["e"]) { Domain = "local" },
            new OnnxNode("LeakyRelu", ["e"], ["l"], OnnxAttribute.Raw("alpha", OnnxAttributeKind.Float, null, "slope")),
            new OnnxNode("Clip", ["l", "", ""], ["out"]),
        ], [OnnxAttribute.Of("slope", 0.5f)], opsets));
        return model;
    }

    private static OnnxModel Choice() => Model(16, g =>
    {
        OnnxGraph Branch(string op, string input)
        {
            var graph = new OnnxGraph { Name = op };
            graph.AddInitializer(OnnxTensor.Scalar("two", 2f));
            graph.AddNode(op, [input], "inner");
            graph.AddNode("Mul", ["inner", "two"], "result");
            graph.Outputs.Add(Float("result", 4));
            return graph;
        }

        g.Inputs.Add(Float("x", 4));
        g.Inputs.Add(new OnnxValueInfo("flag", OnnxElementType.Bool, []));
        g.AddInitializer(OnnxTensor.Scalar("fixed", true));
        g.AddNode("If", ["fixed"], "a", OnnxAttribute.Of("then_branch", Branch("Exp", "x")),
            OnnxAttribute.Of("else_branch", Branch("Log", "x")));
        g.AddNode("Sigmoid", ["a"], "y");
        g.AddNode("If", ["flag"], "z", OnnxAttribute.Of("then_branch", Branch("Sin", "a")),
            OnnxAttribute.Of("else_branch", Branch("Cos", "a")));
        g.Outputs.Add(Float("y", 4));
    });

    private static OnnxModel Shapes() => Model(18, g =>
    {
        g.Inputs.Add(Float("x", "N", 4, 6));
        g.AddInitializer(OnnxTensor.Int64s("starts", 1));
        g.AddInitializer(OnnxTensor.Int64s("ends", 4));
        g.AddInitializer(OnnxTensor.Int64s("axis", 2));
        g.AddInitializer(OnnxTensor.Int64s("indices", 0, 2, 1));
        g.AddInitializer(OnnxTensor.Int64s("zero", 0));
        g.AddInitializer(OnnxTensor.Int64s("rest", -1));
        g.AddInitializer(OnnxTensor.Int64s("pads", 0, 1, 0, 0, 1, 2));
        g.AddInitializer(OnnxTensor.Int64s("repeats", 1, 2, 1));
        g.AddNode("Slice", ["x", "starts", "ends", "axis"], "s");
        g.AddNode("Gather", ["s", "indices"], "g", OnnxAttribute.Of("axis", 1));
        g.AddNode("Pad", ["g", "pads"], "p", OnnxAttribute.Of("mode", "constant"));
        g.AddNode("Tile", ["p", "repeats"], "t");
        g.Nodes.Add(
            new OnnxNode("Split", ["t"], ["l", "r"], OnnxAttribute.Of("axis", 1), OnnxAttribute.Of("num_outputs", 2)) { Name = "split" });
        g.AddNode("Concat", ["r", "l"], "c", OnnxAttribute.Of("axis", 2));
        g.AddNode("Shape", ["c"], "shape");
        g.AddNode("Gather", ["shape", "zero"], "batch");
        g.AddNode("Concat", ["batch", "rest"], "wanted", OnnxAttribute.Of("axis", 0));
        g.AddNode("Reshape", ["c", "wanted"], "f");
        g.Nodes.Add(new OnnxNode("Relu", ["f"], ["top"]) { Name = "top" });
        g.AddNode("Einsum", ["top", "f"], "y", OnnxAttribute.Of("equation", "nk,nf->kf"));
        g.Outputs.Add(Float("y", 2, "F"));
    });

    private static OnnxModel Oldest() => Model(6, g =>
    {
        g.Inputs.Add(Float("x", 2, 3, 4, 4));
        g.AddInitializer(Weights("w", 3));
        g.AddInitializer(Weights("m", 48, 5));
        g.AddInitializer(Weights("c", 5));
        g.AddNode("Mul", ["x", "w"], "a", OnnxAttribute.Of("broadcast", 1), OnnxAttribute.Of("axis", 1));
        g.AddNode("PRelu", ["a", "w"], "b");
        g.AddNode("Pad", ["b"], "p", Ints("pads", 0, 0, 1, 0, 0, 0, 0, 1), OnnxAttribute.Of("mode", "reflect"));
        g.AddNode("Slice", ["p"], "s", Ints("starts", 1, 0), Ints("ends", 5, 4), Ints("axes", 2, 3));
        g.AddNode("Flatten", ["s"], "f");
        g.AddNode("Gemm", ["f", "m", "c"], "h", OnnxAttribute.Of("broadcast", 1));
        g.AddNode("LogSoftmax", ["h"], "y");
        g.Outputs.Add(Float("y", 2, 5));
    });

    private static OnnxModel Resampling() => Model(19, g =>
    {
        g.Inputs.Add(Float("x", 1, 2, 4, 5));
        g.AddInitializer(OnnxTensor.Create<float>("scales", [4], [1, 1, 2, 1.5f]));
        g.AddInitializer(
            OnnxTensor.FromDoubles("grid", OnnxElementType.Float, [1, 3, 3, 2], [.. Enumerable.Range(0, 18).Select(i => (i / 9.0) - 1)]));
        g.AddNode("Resize", ["x", "", "scales"], "r", OnnxAttribute.Of("mode", "linear"));
        g.AddNode("GridSample", ["r", "grid"], "s", OnnxAttribute.Of("mode", "bilinear"));
        g.AddNode("InstanceNormalization", ["s", "gain", "bias"], "n");
        g.AddInitializer(Weights("gain", 2));
        g.AddInitializer(Weights("bias", 2));
        g.AddNode("DepthToSpace", ["x"], "unused", OnnxAttribute.Of("blocksize", 1));
        g.AddInitializer(OnnxTensor.Int64s("axes", 2, 3));
        g.AddNode("ReduceL2", ["n", "axes"], "y");
        g.Outputs.Add(Float("y", 1, 2, 1, 1));
    });
}
