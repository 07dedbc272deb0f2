namespace DiffeoNN.Onnx.Gradients.Tests.Published;

/// <summary>A small transformer encoder, node for node as exporters write one.</summary>
internal sealed class TransformerModel
{
    private const int Width = 16;
    private const int Heads = 2;
    private const int Inner = 24;
    private readonly OnnxModel _model;
    private readonly Random _random = new(20240613);
    private int _count;

    private TransformerModel(int opset)
    {
        _model = new OnnxModel { IrVersion = OpsetConverter.MinimumIrVersion(opset), OpsetImports = { [""] = opset } };
        _model.Graph.Name = "transformer";
    }

    /// <summary>The activations of the layers, each written as exporters do.</summary>
    public enum Activation
    {
        /// <summary>x/2 * (1 + erf(x / sqrt 2)).</summary>
        Gelu,

        /// <summary>x * sigmoid(1.702 x).</summary>
        QuickGelu,

        /// <summary>x/2 * (1 + tanh(...)).</summary>
        FastGelu,
    }

    /// <summary>Inputs x (2, 5, 16) and mask (2, 5) of int64, output y (2, 5, 16).</summary>
    public static OnnxModel Create(int opset, params Activation[] layers)
    {
        var made = new TransformerModel(opset);
        var graph = made._model.Graph;
        graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, [2, 5, Width]));
        graph.Inputs.Add(new OnnxValueInfo("mask", OnnxElementType.Int64, [2, 5]));
        var hidden = made.Mask();
        var value = made.LayerNorm(made.Op("Add", "x", made.Weight(5, Width)));
        foreach (var layer in layers)
            value = made.Layer(value, hidden, layer);
        graph.AddNode("Identity", [value], "y");
        graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, [2, 5, Width]));
        return made._model;
    }

    /// <summary>Values of the inputs; the mask hides the end of one sequence.</summary>
    public static Dictionary<string, OnnxTensor> Inputs()
    {
        var random = new Random(20240614);
        var x = OnnxTensor.FromDoubles("x", OnnxElementType.Float, [2, 5, Width],
            [.. Enumerable.Range(0, 10 * Width).Select(_ => (random.NextDouble() * 2) - 1)]);
        return new() { ["x"] = x, ["mask"] = OnnxTensor.Create<long>("mask", [2, 5], [1, 1, 1, 1, 1, 1, 1, 1, 0, 0]) };
    }

    private string Layer(string x, string hidden, Activation activation)
    {
        var (queries, keys, values) = (Head(x, 0, 2, 1, 3), Head(x, 0, 2, 3, 1), Head(x, 0, 2, 1, 3));
        var scores = Op("Add", Op("Div", Op("MatMul", queries, keys), Scalar((float)Math.Sqrt(Width / Heads))), hidden);
        var seen = Op("MatMul", Attributed("Softmax", [scores], OnnxAttribute.Of("axis", -1)), values);
        var joined = Op("Reshape", Attributed("Transpose", [seen], OnnxAttribute.Of("perm", [0L, 2, 1, 3])), Integers(0, 0, Width));
        var attended = LayerNorm(Op("Add", Linear(joined, Width, Width), x));
        var inner = Activate(Linear(attended, Width, Inner), activation);
        return LayerNorm(Op("Add", Linear(inner, Inner, Width), attended));
    }

    private string Head(string x, params long[] order) => Attributed("Transpose",
        [Op("Reshape", Linear(x, Width, Width), Integers(0, 0, Heads, Width / Heads))], OnnxAttribute.Of("perm", order));

    private string Linear(string x, int from, int to) => Op("Add", Op("MatMul", x, Weight(from, to)), Weight(to));

    /// <summary>(1 - mask) * -10000, (batch, 1, 1, positions).</summary>
    private string Mask()
    {
        var wide = Op("Unsqueeze", Op("Unsqueeze", "mask", Integers(1)), Integers(2));
        var shown = Attributed("Cast", [wide], OnnxAttribute.Of("to", (long)OnnxElementType.Float));
        return Op("Mul", Op("Sub", Scalar(1), shown), Scalar(-10000));
    }

    private string LayerNorm(string x)
    {
        var (scale, bias) = (Weight(Width), Weight(Width));
        if (_model.Opset >= 17)
            return Attributed("LayerNormalization", [x, scale, bias], OnnxAttribute.Of("axis", -1), OnnxAttribute.Of("epsilon", 1e-5f));
        string Mean(string value) => Attributed("ReduceMean", [value], OnnxAttribute.Of("axes", [-1L]));
        var centred = Op("Sub", x, Mean(x));
        var deviation = Op("Sqrt", Op("Add", Mean(Op("Pow", centred, Scalar(2))), Scalar(1e-5f)));
        return Op("Add", Op("Mul", Op("Div", centred, deviation), scale), bias);
    }

    private string Activate(string x, Activation activation) => activation switch
    {
        Activation.Gelu => Op("Mul",
            Op("Mul", x, Op("Add", Op("Erf", Op("Div", x, Scalar((float)Math.Sqrt(2)))), Scalar(1))), Scalar(0.5f)),
        Activation.QuickGelu => Op("Mul", x, Op("Sigmoid", Op("Mul", x, Scalar(1.702f)))),
        _ => Op("Mul", Op("Mul", x, Scalar(0.5f)), Op("Add", Scalar(1), Op("Tanh", Op("Mul", Scalar((float)Math.Sqrt(2 / Math.PI)),
            Op("Add", x, Op("Mul", Scalar(0.044715f), Op("Pow", x, Scalar(3)))))))),
    };

    private string Op(string opType, params string[] inputs) => Attributed(opType, inputs);

    private string Attributed(string opType, string[] inputs, params OnnxAttribute[] attributes)
    {
        var name = $"{opType}_{_count++}";
        _model.Graph.AddNode(opType, inputs, name, attributes);
        return name;
    }

    private string Weight(params long[] shape)
    {
        var count = (int)shape.Aggregate(1L, (a, b) => a * b);
        return Constant(OnnxTensor.FromDoubles("", OnnxElementType.Float, shape,
            [.. Enumerable.Range(0, count).Select(_ => (_random.NextDouble() - 0.5) * (shape.Length > 1 ? 0.8 : 2))]));
    }

    private string Scalar(float value) => Constant(OnnxTensor.Scalar("", value));

    private string Integers(params long[] values) => Constant(OnnxTensor.Int64s("", values));

    private string Constant(OnnxTensor tensor) => _model.Graph.AddInitializer(tensor.WithName($"constant_{_count++}"));
}
