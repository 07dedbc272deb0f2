namespace DiffeoNN.Onnx.Gradients;

/// <content>Operators that keep or broadcast shapes.</content>
internal static partial class ShapeInference
{
    private static void AddElementwise(Action<Inference, string[]> add)
    {
        add(Same, ["Relu", "LeakyRelu", "PRelu", "Elu", "Selu", "Celu", "Gelu", "HardSigmoid", "HardSwish", "Softplus", "Softsign", "Mish", "Swish",
            "Sigmoid", "Tanh", "Erf", "Exp", "Log", "Sqrt", "Abs", "Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh",
            "Atanh", "Reciprocal", "Neg", "Floor", "Ceil", "Round", "Sign", "Clip", "Softmax", "LogSoftmax", "Hardmax", "ThresholdedRelu", "Shrink",
            "InstanceNormalization", "GroupNormalization", "RMSNormalization", "LpNormalization", "MeanVarianceNormalization", "LRN", "CumSum", "CumProd",
            "ReverseSequence", "Trilu", "ScatterElements", "ScatterND", "Scatter", "BitwiseNot", "RandomNormalLike", "RandomUniformLike", "Bernoulli"]);
        add(n => One(n.Type(0), Broadcasted(n, 0)), ["Add", "Sub", "Mul", "Div", "Mod", "Min", "Max", "Sum", "Mean", "Pow",
            "BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitShift"]);
        add(n => One(OnnxElementType.Bool, Broadcasted(n, 0)), ["Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual", "And", "Or", "Xor"]);
        add(n => One(OnnxElementType.Bool, n.Shape(0)), ["Not", "IsNaN", "IsInf"]);
        add(n => One(n.Type(1), Broadcasted(n, 0)), ["Where"]);
        add(n => [n.Facts(0)], ["Identity"]);
        add(n => One((OnnxElementType)n.Node.GetInt("to", 0), n.Shape(0)), ["Cast"]);
        add(n => One(n.Type(1), n.Shape(0)), ["CastLike"]);
        add(n => [new ValueFacts(n.Type(0), n.Shape(0)), new ValueFacts(OnnxElementType.Bool, n.Shape(0))], ["Dropout"]);
        add(n => [new ValueFacts(n.Type(0), n.Shape(0))], ["BatchNormalization", "LayerNormalization"]);
        add(n => One(OnnxElementType.Int64, [n.Shape(0) is { } shape ? (Dim)shape.Length : n.Unknown(0), n.Unknown(1)]), ["NonZero"]);
    }

    private static ValueFacts[] Same(InferenceContext n) => One(n.Type(0), n.Shape(0));

    private static Dim[]? Broadcasted(InferenceContext n, int from)
    {
        var shape = n.Shape(from);
        for (var i = from + 1; i < n.Count; i++)
            shape = Broadcast(shape, n.Shape(i));
        return shape;
    }
}
