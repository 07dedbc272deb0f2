using DiffeoNN.Onnx.GpuCheck.Running;
using DiffeoNN.Onnx.Gradients;
using static DiffeoNN.Onnx.Gradients.OnnxElementType;

namespace DiffeoNN.Onnx.GpuCheck.Operators;

/// <summary>Operators that compute element by element, reduce, or change the shape.</summary>
internal static class ArithmeticCases
{
    private static readonly long[] Shape = [8, 2, 128, 128];

    /// <summary>All of them.</summary>
    public static IEnumerable<OperatorCase> All(Random random)
    {
        OnnxTensor x = Float32("x"), y = Float32("y"), positive = Drawn.Uniform("x", random, 0.1, 2, Shape);
        OnnxTensor i = Int64("x"), j = Int64("y"), divisor = Drawn.Int64s("y", random, 1, 50, Shape);
        OnnxTensor a = Drawn.Bools("x", random, Shape), b = Drawn.Bools("y", random, Shape),
            condition = Drawn.Bools("condition", random, Shape);
        foreach (var op in (string[])["Floor", "Ceil", "Round", "Abs", "Sign", "Neg", "Exp", "Sin", "Cos", "Relu", "Sigmoid", "Tanh",
            "Erf", "Softplus"])
            yield return OperatorCase.Of("float", 17, op, [x], Float);
        foreach (var op in (string[])["Sqrt", "Log", "Reciprocal"])
            yield return OperatorCase.Of("float", 17, op, [positive], Float);
        foreach (var op in (string[])["Add", "Sub", "Mul", "Div", "Min", "Max"])
            yield return OperatorCase.Of("float", 17, op, [x, y], Float);
        foreach (var op in (string[])["Add", "Sub", "Mul", "Min", "Max"])
            yield return OperatorCase.Of("int64", 17, op, [i, j], Int64Type);
        yield return OperatorCase.Of("int64", 17, "Div", [i, divisor], Int64Type);
        yield return OperatorCase.Of("int64", 17, "Mod", [i, divisor], Int64Type);
        yield return OperatorCase.Of("float fmod=1", 17, "Mod", [x, positive.WithName("y")], Float, OnnxAttribute.Of("fmod", 1L));
        yield return OperatorCase.Of("float", 17, "Pow", [positive, Drawn.Uniform("y", random, -2, 2, Shape)], Float);
        yield return OperatorCase.Of("float", 17, "Clip", [x, Scalar("const_low", -0.5f), Scalar("const_high", 0.5f)], Float);
        yield return OperatorCase.Of("int64", 17, "Clip", [i, OnnxTensor.Scalar("const_low", -50L), OnnxTensor.Scalar("const_high", 50L)],
            Int64Type);
        foreach (var op in (string[])["Less", "Greater", "Equal", "LessOrEqual", "GreaterOrEqual"])
            yield return OperatorCase.Of("float", 17, op, [x, y], Bool);
        yield return OperatorCase.Of("int64", 17, "Equal", [i, j], Bool);
        yield return OperatorCase.Of("", 17, "And", [a, b], Bool);
        yield return OperatorCase.Of("", 17, "Or", [a, b], Bool);
        yield return OperatorCase.Of("", 17, "Not", [a], Bool);
        yield return OperatorCase.Of("float", 17, "Where", [condition, x, y], Float);
        yield return OperatorCase.Of("int64", 17, "Where", [condition, i, j], Int64Type);
        foreach (var (tensor, to) in new[] { (x, Int64Type), (x, OnnxElementType.Int32), (i, Float), (a, Float), (a, Int64Type),
            (x, OnnxElementType.Double) })
            yield return OperatorCase.Of($"{tensor.ElementType} to {to}".ToLowerInvariant(), 17, "Cast", [tensor], to,
                OnnxAttribute.Of("to", (long)to));
        foreach (var op in (string[])["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin"])
        {
            yield return OperatorCase.Of("float one axis", 18, op, [x, Constant("axes", 1)], Float);
            yield return OperatorCase.Of("float all but the batch", 18, op, [x, Constant("axes", 1, 2, 3)], Float);
        }

        yield return OperatorCase.Of("float all but the batch", 13, "ReduceMean", [x], Float, OnnxAttribute.Of("axes", [1L, 2, 3]));
        yield return OperatorCase.Of("int64 one axis", 18, "ReduceSum", [i, Constant("axes", 1)], Int64Type);
        yield return OperatorCase.Of("", 13, "Split", [x, Constant("split", 1, 1)], [Float, Float], OnnxAttribute.Of("axis", 1L));
        yield return OperatorCase.Of("float", 13, "Concat", [x, y], Float, OnnxAttribute.Of("axis", 1L));
        yield return OperatorCase.Of("int64", 13, "Concat", [i, j], Int64Type, OnnxAttribute.Of("axis", 1L));
        foreach (var mode in (string[])["constant", "edge", "reflect"])
            yield return OperatorCase.Of(mode, 18, "Pad", [x, Constant("pads", 0, 0, 1, 1, 0, 0, 1, 1)], Float,
                OnnxAttribute.Of("mode", mode));
        yield return OperatorCase.Of("float", 13, "Expand", [Drawn.Normal("x", random, 8, 2, 1, 128), Constant("shape", Shape)], Float);
        yield return OperatorCase.Of("float", 13, "Tile", [Drawn.Normal("x", random, 8, 2, 1, 128), Constant("repeats", 1, 1, 128, 1)],
            Float);
        yield return OperatorCase.Of("float", 13, "Transpose", [x], Float, OnnxAttribute.Of("perm", [0L, 2, 3, 1]));
        yield return OperatorCase.Of("float", 14, "Reshape", [x, Constant("shape", 8, 2, -1)], Float);
        yield return OperatorCase.Of("float", 14, "CumSum", [x, OnnxTensor.Scalar("const_axis", 2L)], Float);
        yield return OperatorCase.Of("", 13, "Identity", [x], Float);

        OnnxTensor Float32(string name) => Drawn.Normal(name, random, Shape);
        OnnxTensor Int64(string name) => Drawn.Int64s(name, random, -100, 100, Shape);
    }

    private const OnnxElementType Int64Type = OnnxElementType.Int64;

    private static OnnxTensor Scalar(string name, float value) => OnnxTensor.Scalar(name, value);

    private static OnnxTensor Constant(string name, params ReadOnlySpan<long> values) => OnnxTensor.Int64s($"const_{name}", values);
}
