namespace DiffeoNN.Onnx.Gradients;

/// <content>Operators that keep or broadcast shapes.</content>
internal static partial class ShapeInference
{
    private static void AddElementwise(Action<Inference, string[]> add)
    {
        add(Same, ["Relu", "LeakyRelu", "PRelu", "Elu", "Selu", "Celu", "Gelu", "HardSigmoid", "HardSwish", "Softplus", "Softsign", "Mish",
            "Swish",
            "Sigmoid", "Tanh", "Erf", "Exp", "Log", "Sqrt", "Abs", "Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh",
            "Acosh", "Atanh", "Reciprocal", "Neg", "Floor", "Ceil", "Round", "Sign", "Clip", "Softmax", "LogSoftmax", "Hardmax",
            "ThresholdedRelu", "Shrink", "InstanceNormalization", "GroupNormalization", "LpNormalization", "MeanVarianceNormalization",
            "LRN", "CumSum", "CumProd", "ReverseSequence", "Trilu", "ScatterElements", "ScatterND", "Scatter", "BitwiseNot",
            "RandomNormalLike", "RandomUniformLike", "Bernoulli"]);
        add(n => One(n.Type(0), Broadcasted(n, 0)), ["Add", "Sub", "Mul", "Div", "Mod", "Min", "Max", "Sum", "Mean", "Pow",
            "BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitShift"]);
        add(n => One(OnnxElementType.Bool, Broadcasted(n, 0)),
            ["Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual", "And", "Or", "Xor"]);
        add(n => One(OnnxElementType.Bool, n.Shape(0)), ["Not", "IsNaN", "IsInf"]);
        add(n => One(n.Type(1), Broadcasted(n, 0)), ["Where"]);
        add(n => [n.Facts(0)], ["Identity"]);
        add(n => One((OnnxElementType)n.Node.GetInt("to", 0), n.Shape(0)), ["Cast"]);
        add(n => One((OnnxElementType)n.Node.GetInt("to", 0), n.Shape(0)), ["BitCast"]);
        add(n => One(n.Type(1), n.Shape(0)), ["CastLike"]);
        add(n => One(QuantisedType(n, n.Type(1)), n.Shape(0)), ["DequantizeLinear"]);
        add(n => One(QuantisedType(n, n.Has(2) ? n.Type(2) : OnnxElementType.UInt8), n.Shape(0)), ["QuantizeLinear"]);
        add(n => [new ValueFacts(OnnxElementType.UInt8, n.Shape(0)), new ValueFacts(OnnxElementType.Float, []),
            new ValueFacts(OnnxElementType.UInt8, [])],
            ["DynamicQuantizeLinear"]);
        add(n => One((OnnxElementType)n.Node.GetInt("output_datatype", 1), [n.Items(0) is [{ Integer: { } size }] ? size : n.Unknown(0)]),
            ["HannWindow", "HammingWindow", "BlackmanWindow"]);
        add(n => [new ValueFacts(n.Type(0), n.Shape(0)), new ValueFacts(OnnxElementType.Bool, n.Shape(0))], ["Dropout"]);
        add(n => One(n.Type(1), n.Shape(0)), ["RMSNormalization"]);
        add(BatchNormalization, ["BatchNormalization"]);
        add(LayerNormalization, ["LayerNormalization"]);
        add(Loss, ["NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"]);
        add(n => One(OnnxElementType.Int64, [n.Shape(0) is { } shape ? (Dim)shape.Length : n.Unknown(0), n.Unknown(1)]), ["NonZero"]);
    }

    private static IEnumerable<ValueFacts> BatchNormalization(InferenceContext n)
    {
        var statistics = new ValueFacts(n.Type(3), n.Shape(0) is [_, var channels, ..] ? [channels] : n.Shape(3));
        return [new ValueFacts(n.Type(0), n.Shape(0)), .. Enumerable.Repeat(statistics, 4)];
    }

    private static ValueFacts[] LayerNormalization(InferenceContext n)
    {
        // The statistics are stored in the type that is named by its number in the format.
        var axis = n.Shape(0) is { } known ? n.Axis(n.Node.GetInt("axis", -1), known.Length) : 0;
        var statistics = new ValueFacts((OnnxElementType)n.Node.GetInt("stash_type", 1),
            n.Shape(0) is { } shape ? [.. shape.Select((d, i) => i < axis ? d : Dim.One)] : null);
        return [new ValueFacts(n.Type(0), n.Shape(0)), statistics, statistics];
    }

    private static ValueFacts[] Loss(InferenceContext n) =>
        [new ValueFacts(n.Type(0), n.Node.GetString("reduction", "mean") == "none" ? n.Shape(1) : []),
            new ValueFacts(n.Type(0), n.Shape(0))];

    /// <summary>The type asked for; 0 asks for none.</summary>
    private static OnnxElementType QuantisedType(InferenceContext n, OnnxElementType fallback) =>
        n.Node.GetInt("output_dtype", 0) is > 0 and var type ? (OnnxElementType)type : fallback;

    private static ValueFacts[] Same(InferenceContext n) => One(n.Type(0), n.Shape(0));

    private static Dim[]? Broadcasted(InferenceContext n, int from)
    {
        var shape = n.Shape(from);
        for (var i = from + 1; i < n.Count; i++)
            shape = Broadcast(shape, n.Shape(i));
        return shape;
    }
}
