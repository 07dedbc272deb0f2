using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Tests.Torch;

/// <summary>Forms of operators that no published case has, on libtorch and in ONNX Runtime: the same values, types and shapes.</summary>
[TestFixture]
public sealed partial class TorchOperatorTests
{
    private static IEnumerable<TestCaseData> Rows()
    {
        yield return Row("ArgMax", [Whole([3, 4], 0, 3)], ("axis", 1L), ("select_last_index", 1L));
        yield return Row("ArgMin", [Whole([3, 4], 0, 3)], ("axis", 0L), ("select_last_index", 1L), ("keepdims", 0L));
        yield return Row("ArgMin", [Whole([3, 4], 0, 3)], ("axis", -1L));
        yield return Row("BitShift", [Of(OnnxElementType.UInt8, 1, 200, 7), Of(OnnxElementType.UInt8, 3, 1, 2)], ("direction", "LEFT"));
        yield return Row("BitShift", [Of(OnnxElementType.UInt8, 1, 200, 7), Of(OnnxElementType.UInt8, 3, 1, 2)], ("direction", "RIGHT"));
        yield return Row("BitwiseXor", [Of(OnnxElementType.Int32, 5, -9, 12), Of(OnnxElementType.Int32, 3, 4, 10)]);
        yield return Row("BitwiseNot", [Of(OnnxElementType.Int32, 5, -9, 12)]);
        yield return Row("Xor", [Of(OnnxElementType.Bool, 0, 1, 1), Of(OnnxElementType.Bool, 1, 1, 0)]);
        yield return Row("IsInf", [Numbers(double.NegativeInfinity, 1, double.PositiveInfinity)], ("detect_negative", 0L));
        yield return Row("IsInf", [Numbers(double.NegativeInfinity, 1, double.PositiveInfinity)], ("detect_positive", 0L));
        yield return Row("IsNaN", [Numbers(double.NaN, 1, double.PositiveInfinity)]);
        yield return Row("Round", [Numbers(-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 2.4)]);
        yield return Row("Sign", [Numbers(-2.5, 0, 3)]);
        yield return Row("Div", [Of(OnnxElementType.Int32, -7, 7, 9), Of(OnnxElementType.Int32, 2, -2, 3)]);
        yield return Row("Mod", [Of(OnnxElementType.Int32, -7, 7, 9), Of(OnnxElementType.Int32, 2, -2, 4)]);
        yield return Row("Mod", [Of(OnnxElementType.Int32, -7, 7, 9), Of(OnnxElementType.Int32, 2, -2, 4)], ("fmod", 1L));
        yield return Row("Pow", [Of(OnnxElementType.Int32, -3, 2, 5), Numbers(2, 3, 0.5)]);
        yield return Row(
            "Clip", [Of(OnnxElementType.Int64, -3, 2, 5), Scalar(OnnxElementType.Int64, -1), Scalar(OnnxElementType.Int64, 3)]);
        yield return Row("EyeLike", [Random(3, 5)], ("k", -1L), ("dtype", (long)OnnxElementType.Int64));
        yield return Row("NonZero", [Whole([3, 4], 0, 2)]);
        yield return Row("Trilu", [Random(2, 3, 4), Scalar(OnnxElementType.Int64, 1)], ("upper", 0L));
        yield return Row("Trilu", [Random(2, 3, 4), Scalar(OnnxElementType.Int64, -1)]);
        yield return Row("Unique", 4, [Whole([9], 0, 4)]);
        yield return Row("Unique", 4, [Whole([9], 0, 4)], ("sorted", 0L));
        yield return Row("Unique", 4, [Whole([6, 2], 0, 2)], ("axis", 0L));
        yield return Row("Shape", [Random(2, 3, 4)], ("start", -2L), ("end", 2L));
        yield return Row("Slice", [Random(7), Whole(5), Whole(-100), Whole(0), Whole(-2)]);
        yield return Row("Slice", [Random(7), Whole(-1), Whole(2), Whole(0), Whole(-1)]);
        yield return Row("Slice", [Random(7), Whole(100), Whole(-8), Whole(0), Whole(-3)]);
        yield return Row("Slice", [Random(7), Whole(5), Whole(2), Whole(0), Whole(1)]);
        yield return Row("Slice", [Random(4, 7), Whole(1, -4), Whole(4, 100), Whole(-2, -1), Whole(2, 3)]);
        foreach (var mode in new[] { "reflect", "edge", "wrap" })
            yield return Row("Pad", [Random(3, 4), Whole(1, 2, 2, 1)], ("mode", mode));
        yield return Row("Pad", [Random(3, 4), Whole(-1, 2, 2, -1), Scalar(OnnxElementType.Float, 7)]);
        yield return Row("Split", 3, [Random(7, 2)], ("num_outputs", 3L));
        yield return Row("Expand", [Random(3, 1), Whole(2, 1, 4)]);
        yield return Row("ReduceMean", [Of(OnnxElementType.Int32, -7, 2, 2)]);
        yield return Row("ReduceSum", [Random(2, 3)], ("noop_with_empty_axes", 1L));
        yield return Row("ReduceMin", [Whole([3, 4], 0, 9), Whole(-1)], ("keepdims", 0L));
        yield return Row("CumSum", [Whole([2, 4], 0, 9), Scalar(OnnxElementType.Int64, 1)], ("exclusive", 1L), ("reverse", 1L));
        yield return Row("TopK", 2, [Whole([3, 6], 0, 3), Whole(4)], ("largest", 0L));
        yield return Row("TopK", 2, [Whole([3, 6], 0, 3), Whole(4)], ("axis", 1L));
        yield return Row(
            "OneHot", [Of(OnnxElementType.Int64, -1, 0, 5, -4), Scalar(OnnxElementType.Int64, 4), Numbers(0.5, 2)], ("axis", 0L));
        foreach (var reduction in new[] { "add", "mul", "max", "min" })
        {
            yield return Row("ScatterND", [Random(4, 2), OnnxTensor.Create<long>("", [3, 1], [1, 1, -1]), Random(3, 2)],
                ("reduction", reduction));
            yield return Row("ScatterElements", [Random(3, 4), OnnxTensor.Create<long>("", [2, 3], [0, -1, 0, 2, 2, 2]), Random(2, 3)],
                ("axis", 1L), ("reduction", reduction));
        }

        yield return Row("GatherND", [Random(2, 3, 4), OnnxTensor.Create<long>("", [2, 1], [1, -1])], ("batch_dims", 1L));
        yield return Row("Einsum", [Random(2, 3, 4), Random(2, 4, 5)], ("equation", "...ij,...jk->...ki"));
        yield return Row(
            "QuantizeLinear", [Numbers(-300, -1.5, 0.5, 2.5, 300), Scalar(OnnxElementType.Float, 1), Scalar(OnnxElementType.UInt8, 128)]);
        yield return Row("QuantizeLinear", [Random(3, 4), Numbers(0.1, 0.2, 0.3), Of(OnnxElementType.Int8, 1, -2, 3)], ("axis", 0L));
        yield return Row(
            "DequantizeLinear",
            [OnnxTensor.Create<sbyte>("", [3, 2], [1, -2, 3, -4, 5, -128]), Numbers(0.1, 0.2, 0.3), Of(OnnxElementType.Int8, 1, -2, 3)],
            ("axis", 0L));
        yield return Row("DequantizeLinear", [OnnxTensor.Create<sbyte>("", [4, 2], [1, -2, 3, -4, 5, -128, 9, 8]), Random(2, 2)],
            ("axis", 0L), ("block_size", 2L));
        yield return Row("DynamicQuantizeLinear", 3, [Random(3, 4)]);
        yield return Row("MatMulInteger", [OnnxTensor.Create<byte>("", [2, 3], [1, 200, 3, 4, 5, 255]),
            OnnxTensor.Create<byte>("", [3, 2], [9, 8, 7, 6, 5, 4]), Scalar(OnnxElementType.UInt8, 12)]);
        yield return Row("Cast", [Numbers(-1.7, 0, 2.9)], ("to", (long)OnnxElementType.Int32));
        yield return Row("Cast", [Numbers(-1.7, 0, 2.9)], ("to", (long)OnnxElementType.Bool));
        yield return Row(
            "Range", [Scalar(OnnxElementType.Int64, 10), Scalar(OnnxElementType.Int64, -1), Scalar(OnnxElementType.Int64, -3)]);
    }

    [TestCaseSource(nameof(Rows))]
    [TestCaseSource(nameof(LayerRows))]
    public void Outputs_AreThoseOfOnnxRuntime(string opType, int outputs, object given, object options)
    {
        using var scope = NewDisposeScope();
        var inputs = (OnnxTensor[])given;
        string[] names = [.. inputs.Select((_, i) => $"x{i}")];
        var model = new OnnxModel { IrVersion = 10, OpsetImports = { [""] = 21 } };
        for (var i = 0; i < inputs.Length; i++)
            model.Graph.Inputs.Add(
                new OnnxValueInfo(names[i], inputs[i].ElementType, [.. inputs[i].Dimensions.Select(size => OnnxDimension.Of(size))]));
        model.Graph.Nodes.Add(new OnnxNode(opType, names, Enumerable.Range(0, outputs).Select(i => $"y{i}"), (OnnxAttribute[])options));
        for (var i = 0; i < outputs; i++) model.Graph.Outputs.Add(new OnnxValueInfo($"y{i}", OnnxElementType.Float, null));

        using var graph = TorchCases.Engine.Value.LoadTorch(model, opType);
        var values = names.Zip(inputs).ToDictionary(pair => pair.First, pair => TorchTensors.ToTorch(pair.Second));
        var actual = graph.Run(values);
        // Declared as they came out: ONNX Runtime refuses a declaration that contradicts its own.
        for (var i = 0; i < outputs; i++)
            model.Graph.Outputs[i] = new OnnxValueInfo($"y{i}", TorchTensors.TypeOf(actual[$"y{i}"].dtype), null);
        var session = TorchCases.Runtime.Value.Load(model, opType);
        using var owned = (IDisposable)session;
        foreach (var (name, expected) in session.Run(values))
        {
            Assert.That(actual[name].shape, Is.EqualTo(expected.shape), name);
            Assert.That(actual[name].to(ScalarType.Float64).data<double>().ToArray(),
                Is.EqualTo(expected.to(ScalarType.Float64).data<double>().ToArray()).Within(1e-5), name);
        }
    }

    private static TestCaseData Row(string opType, OnnxTensor[] inputs, params (string Name, object Value)[] attributes) =>
        Row(opType, 1, inputs, attributes);

    private static TestCaseData Row(string opType, int outputs, OnnxTensor[] inputs, params (string Name, object Value)[] attributes)
    {
        OnnxAttribute[] made = [.. attributes.Select(a => a.Value switch
        {
            long number => OnnxAttribute.Of(a.Name, number),
            float number => OnnxAttribute.Of(a.Name, number),
            long[] numbers => OnnxAttribute.Of(a.Name, numbers),
            _ => OnnxAttribute.Of(a.Name, (string)a.Value),
        })];
        var described = $"{opType}({string.Join(", ", inputs.Select(x => $"{x.ElementType} [{string.Join(",", x.Dimensions)}]"))}; "
            + $"{string.Join(", ", attributes.Select(a => $"{a.Name} {(a.Value is long[] list ? string.Join("_", list) : a.Value)}"))})";
        return new TestCaseData(opType, outputs, inputs, made).SetArgDisplayNames(described);
    }

    private static OnnxTensor Of(OnnxElementType type, params double[] values) => OnnxTensor.FromDoubles("", type, [values.Length], values);

    private static OnnxTensor Numbers(params double[] values) => Of(OnnxElementType.Float, values);

    private static OnnxTensor Scalar(OnnxElementType type, double value) => OnnxTensor.FromDoubles("", type, [], [value]);

    private static OnnxTensor Whole(params long[] values) => OnnxTensor.Int64s("", values);

    /// <summary>Floats that are whole numbers, so that some are equal.</summary>
    private static OnnxTensor Whole(long[] shape, int low, int high) => Drawn(shape, random => random.Next(low, high));

    private static OnnxTensor Random(params long[] shape) => Drawn(shape, random => (2 * random.NextDouble()) - 1);

    private static OnnxTensor Drawn(long[] shape, Func<Random, double> draw)
    {
        var random = new Random(17);
        return OnnxTensor.FromDoubles("", OnnxElementType.Float, shape,
            [.. Enumerable.Range(0, (int)shape.Aggregate(1L, (a, b) => a * b)).Select(_ => draw(random))]);
    }
}
