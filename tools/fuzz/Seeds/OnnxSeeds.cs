using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Fuzz.Seeds;

/// <summary>Small models of all families of operators, with control flow, functions, sparse and external data.</summary>
internal static class OnnxSeeds
{
    private const string Unary = "Abs Acos Asinh Atan Ceil Celu Elu Erf Flatten GlobalMaxPool HardSwish Hardmax Identity LogSoftmax "
        + "LpNormalization MeanVarianceNormalization Mish Neg Reciprocal ReduceL1 ReduceL2 ReduceLogSumExp ReduceMax ReduceProd "
        + "ReduceSumSquare Round Selu Shape Sign Softplus Softsign Squeeze Sum Tan ThresholdedRelu";

    private const string Binary = "Add Div Equal Max Mean Min Mod PRelu Sub";

    /// <summary>Bytes of the models; external data is put into the folder.</summary>
    public static IReadOnlyList<byte[]> All(string folder)
    {
        var models = new List<byte[]>();
        foreach (var opset in (int[])[11, 13, 18, 21])
            models.AddRange(Nodes().Select(nodes => Chain(opset, nodes).ToBytes()));
        foreach (var type in Unary.Split(' ')) models.Add(Chain(17, [Node(type, "x")]).ToBytes());
        foreach (var type in Binary.Split(' ')) models.Add(Chain(17, [Node(type, "x,one")]).ToBytes());
        models.AddRange(Singles().Select(node => Chain(17, [node]).ToBytes()));
        models.Add(Branches().ToBytes());
        models.Add(Loop().ToBytes());
        models.Add(Function().ToBytes());
        var path = Path.Combine(folder, "external.onnx");
        External().SaveWithExternalData(path, 1);
        models.Add(File.ReadAllBytes(path));
        return models;
    }

    /// <summary>Chains from "x" of shape (1, 2, 6, 6): each node reads "x" or what stands before it ("$"), and constants by name.</summary>
    private static IEnumerable<OnnxNode[]> Nodes()
    {
        yield return
        [
            Node("Conv", "x,w", OnnxAttribute.Of("pads", [1L, 1, 1, 1]), OnnxAttribute.Of("strides", [1L, 2])),
            Node("BatchNormalization", "$,c3,c3,c3,c3"),
            Node("Relu", "$"),
            Node("MaxPool", "$", OnnxAttribute.Of("kernel_shape", [2L, 2]), OnnxAttribute.Of("auto_pad", "SAME_UPPER")),
            Node("GlobalAveragePool", "$"), Node("Flatten", "$"), Node("Gemm", "$,m", OnnxAttribute.Of("transB", 1L)),
            Node("Softmax", "$"),
        ];
        yield return
        [
            Node("ConvTranspose", "x,wt", OnnxAttribute.Of("strides", [2L, 2]), OnnxAttribute.Of("output_padding", [1L, 0])),
            Node("AveragePool", "$", OnnxAttribute.Of("kernel_shape", [3L, 3]), OnnxAttribute.Of("ceil_mode", 1L)),
            Node("LpPool", "$", OnnxAttribute.Of("kernel_shape", [2L, 2]), OnnxAttribute.Of("p", 2L)),
            Node("InstanceNormalization", "$,c3,c3"),
        ];
        yield return
        [
            Node("Reshape", "x,shape"), Node("Transpose", "$", OnnxAttribute.Of("perm", [1L, 0, 2])), Node("Slice", "$,starts,ends,axes"),
            Node("Concat", "$,$", OnnxAttribute.Of("axis", 0L)), Node("Gather", "$,index", OnnxAttribute.Of("axis", 1L)),
            Node("Expand", "$,expand"),
            Node("Tile", "$,repeats"), Node("MatMul", "$,square"),
        ];
        yield return
        [
            Node("Resize", "x,roi,scales", OnnxAttribute.Of("mode", "linear")), Node("Pad", "$,pads"), Node("Clip", "$,zero,one"),
            Node("Exp", "$"), Node("Mul", "$,one"),
            Node("Sigmoid", "$"), Node("Pow", "$,two"), Node("LayerNormalization", "$,row"),
        ];
        yield return [Node("GridSample", "x,grid"), Node("ReduceMean", "$", OnnxAttribute.Of("keepdims", 0L)), Node("Sqrt", "$"),
        Node("Einsum", "$", OnnxAttribute.Of("equation", "->"))];
        yield return
        [
            Node("Reshape", "x,sequence"), Node("LSTM", "$,lw,lr", OnnxAttribute.Of("hidden_size", 2L)), Node("Squeeze", "$"),
            Node("Sin", "$"),
            Node("CumSum", "$,axis"), Node("Where", "flags,$,$"), Node("TopK", "$,k"), Node("Cast", "$", OnnxAttribute.Of("to", 1L)),
        ];
    }

    private static IEnumerable<OnnxNode> Singles() =>
    [
        Node("DepthToSpace", "wide", OnnxAttribute.Of("blocksize", 2L)), Node("SpaceToDepth", "x", OnnxAttribute.Of("blocksize", 2L)),
        Node("LRN", "x", OnnxAttribute.Of("size", 3L)), Node("ArgMax", "x"), Node("Trilu", "x"), Node("Unsqueeze", "x,axes"),
        Node("ReduceSum", "x,axes"),
        Node("GatherElements", "x,cells", OnnxAttribute.Of("axis", 2L)), Node("GatherND", "x,index"),
        Node("ScatterElements", "x,cells,values"),
        Node("ScatterND", "x,zeros,slab"), Node("OneHot", "index,k,off"), Node("Range", "zero,two,one"), Node("ConstantOfShape", "size"),
        Node("Upsample", "x,scales"), Node("MaxUnpool", "x,cells", OnnxAttribute.Of("kernel_shape", [1L, 1])),
        Node("EyeLike", "square"), Node("Dropout", "x"), Node("Compress", "x,flags"),
        Node("GRU", "steps,gw,gr", OnnxAttribute.Of("hidden_size", 2L)), Node("RNN", "steps,rw,rr", OnnxAttribute.Of("hidden_size", 2L)),
        Node("Constant", "", OnnxAttribute.Of("value_floats", [1f, 2f])), Node("AffineGrid", "theta,size"), Node("Det", "square"),
        Node("NonZero", "x"),
        Node("RoiAlign", "x,boxes,batch"), Node("Split", "x", OnnxAttribute.Of("axis", 3L)),
        Node("BitShift", "k,k", OnnxAttribute.Of("direction", "LEFT")),
        Node("QuantizeLinear", "x,one"), Node("GroupNormalization", "x,pair,pair", OnnxAttribute.Of("num_groups", 2L)),
        Node("MatMul", "x,square"),
        Node("NegativeLogLikelihoodLoss", "m,four"), Node("SoftmaxCrossEntropyLoss", "m,four"), Node("ReverseSequence", "steps,lengths"),
    ];

    private static OnnxNode Node(string type, string inputs, params OnnxAttribute[] attributes) =>
        new(type, inputs.Length == 0 ? [] : inputs.Split(','), [], attributes);

    private static OnnxModel Chain(int opset, OnnxNode[] nodes)
    {
        var model = Model(opset);
        var used = nodes.SelectMany(node => node.Inputs).ToHashSet();
        foreach (var constant in Constants().Where(constant => used.Contains(constant.Name)))
        {
            // Where nothing reads "x", what is differentiated is the other floats.
            if (used.Contains("x") || constant.ElementType != OnnxElementType.Float) model.Graph.AddInitializer(constant);
            else model.Graph.Inputs.Add(new(constant.Name, OnnxElementType.Float, [.. constant.Dimensions.Select(d => (OnnxDimension)d)]));
        }

        var last = "x";
        for (var i = 0; i < nodes.Length; i++)
        {
            var output = i == nodes.Length - 1 ? "y" : $"t{i}";
            var inputs = nodes[i].Inputs.Select(name => name == "$" ? last : name);
            model.Graph.Nodes.Add(new OnnxNode(nodes[i].OpType, inputs, [output], nodes[i].Attributes.Values));
            last = output;
        }

        return model;
    }

    private static IEnumerable<OnnxTensor> Constants() =>
    [
        Floats("w", 3, 2, 3, 3), Floats("wt", 2, 3, 3, 3), Floats("c3", 3), Floats("m", 4, 3), Floats("square", 6, 6),
        Floats("row", 14), Floats("grid", 1, 3, 3, 2),
        Floats("lw", 1, 8, 6), Floats("lr", 1, 8, 2), OnnxTensor.Scalar("zero", 0f), OnnxTensor.Scalar("one", 1f),
        OnnxTensor.Scalar("two", 2f),
        OnnxTensor.Int64s("shape", 2, -1, 6), OnnxTensor.Int64s("sequence", -1, 2, 6), OnnxTensor.Int64s("starts", 1),
        OnnxTensor.Int64s("ends", 5),
        OnnxTensor.Int64s("axes", 1), OnnxTensor.Int64s("index", 1, 0), OnnxTensor.Int64s("expand", 1, 1, 1),
        OnnxTensor.Int64s("repeats", 1, 2, 1),
        OnnxTensor.Create<float>("scales", [4], [1, 1, 2, 2]), OnnxTensor.Create<float>("roi", [0], []),
        OnnxTensor.Int64s("pads", 0, 0, 1, 1, 0, 0, 1, 1),
        Floats("wide", 1, 4, 3, 3), Floats("steps", 3, 1, 6), Floats("gw", 1, 6, 6), Floats("gr", 1, 6, 2), Floats("rw", 1, 2, 6),
        Floats("rr", 1, 2, 2),
        Floats("theta", 1, 2, 3), OnnxTensor.Int64s("size", 1, 1, 4, 4), Floats("boxes", 1, 4), OnnxTensor.Int64s("batch", 0),
        Floats("pair", 2),
        OnnxTensor.Int64s("four", 0, 1, 2, 1), OnnxTensor.Int64s("lengths", 2), Floats("slab", 1, 2, 6, 6),
        OnnxTensor.Create<float>("off", [2], [0, 1]),
        OnnxTensor.Create<long>("cells", [1, 2, 6, 6], new long[72]), Floats("values", 1, 2, 6, 6),
        OnnxTensor.Create<long>("zeros", [1, 1], [0]),
        OnnxTensor.Scalar("axis", 0), OnnxTensor.Int64s("k", 1), OnnxTensor.Create<bool>("flags", [1], [true]),
    ];

    private static OnnxTensor Floats(string name, params long[] shape) =>
        OnnxTensor.Create<float>(name, shape, [.. Enumerable.Range(1, (int)shape.Aggregate((a, b) => a * b)).Select(i => 0.1f * (i % 7))]);

    private static OnnxModel Branches()
    {
        var model = Model(17);
        model.Graph.AddInitializer(OnnxTensor.Create<bool>("flag", [], [true]));
        model.Graph.AddNode("ReduceSum", ["x"], "sum", OnnxAttribute.Of("keepdims", 0L));
        model.Graph.AddInitializer(OnnxTensor.Scalar("limit", 1f));
        model.Graph.AddNode("Less", ["sum", "limit"], "less");
        model.Graph.Nodes.Add(new OnnxNode(
            "If", ["less"], ["y"], OnnxAttribute.Of("then_branch", Body("Sin")), OnnxAttribute.Of("else_branch", Body("Exp"))));
        return model;

        static OnnxGraph Body(string type)
        {
            var body = new OnnxGraph { Name = type };
            body.Outputs.Add(new OnnxValueInfo("b", OnnxElementType.Float, null));
            body.AddNode(type, ["x"], "b");
            return body;
        }
    }

    private static OnnxModel Loop()
    {
        var model = Model(17);
        model.Graph.AddInitializer(OnnxTensor.Scalar("trips", 3L));
        var body = new OnnxGraph { Name = "body" };
        body.Inputs.Add(new OnnxValueInfo("i", OnnxElementType.Int64, []));
        body.Inputs.Add(new OnnxValueInfo("go", OnnxElementType.Bool, []));
        body.Inputs.Add(new OnnxValueInfo("state", OnnxElementType.Float, [1, 2, 6, 6]));
        body.Outputs.Add(new OnnxValueInfo("more", OnnxElementType.Bool, []));
        body.Outputs.Add(new OnnxValueInfo("next", OnnxElementType.Float, [1, 2, 6, 6]));
        body.AddNode("Identity", ["go"], "more");
        body.AddNode("Mul", ["state", "x"], "next");
        model.Graph.Nodes.Add(new OnnxNode("Loop", ["trips", "", "x"], ["y"], OnnxAttribute.Of("body", body)));
        return model;
    }

    private static OnnxModel Function()
    {
        var model = Model(17);
        model.OpsetImports["own"] = 1;
        model.Functions.Add(new OnnxFunction(
            "own", "Scaled", "", ["a"], ["b"],
            [new OnnxNode("LeakyRelu", ["a"], ["t"], OnnxAttribute.Of("alpha", 0.1f)), new OnnxNode("Tanh", ["t"], ["b"])],
            [OnnxAttribute.Of("alpha", 0.5f)], new Dictionary<string, long> { [""] = 17 }));
        model.Graph.Nodes.Add(new OnnxNode("Scaled", ["x"], ["t"]) { Domain = "own" });
        model.Graph.Nodes.Add(new OnnxNode("Scaled", ["t"], ["y"]) { Domain = "own" });
        return model;
    }

    private static OnnxModel External() => Chain(17, [Node("Conv", "x,w"), Node("Mul", "$,$")]);

    private static OnnxModel Model(int opset)
    {
        var model = new OnnxModel { OpsetImports = { [""] = opset } };
        model.Graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, [1, 2, 6, 6]));
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, null));
        return model;
    }
}
