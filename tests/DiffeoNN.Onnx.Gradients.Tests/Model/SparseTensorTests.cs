using DiffeoNN.Onnx.Gradients.Proto;
using Google.Protobuf;

namespace DiffeoNN.Onnx.Gradients.Tests.Model;

/// <summary>Sparse initialisers and constants are read as dense tensors.</summary>
public sealed class SparseTensorTests
{
    private static SparseTensorProto Sparse(string name, long[] shape, float[] values, long[] indices, bool perAxis)
    {
        var result = new SparseTensorProto
        {
            Values = new TensorProto { Name = name, DataType = 1, Dims = { values.Length } },
            Indices = new TensorProto { DataType = 7, Dims = { values.Length } },
        };
        result.Values.FloatData.AddRange(values);
        result.Indices.Int64Data.AddRange(indices);
        if (perAxis)
            result.Indices.Dims.Add(shape.Length);
        result.Dims.AddRange(shape);
        return result;
    }

    /// <summary>y = x · w, w a sparse initialiser or a sparse constant.</summary>
    private static byte[] Model(SparseTensorProto weights, bool constant)
    {
        var model = new OnnxModel { OpsetImports = { [""] = 17 } };
        model.Graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, ["N", 2]));
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, ["N", 3]));
        model.Graph.AddNode("MatMul", ["x", "w"], "y");
        var message = ModelProto.Parser.ParseFrom(model.ToBytes());
        if (constant)
        {
            var attribute =
                new AttributeProto { Name = "sparse_value", Type = (int)OnnxAttributeKind.SparseTensor, SparseTensor = weights };
            message.Graph.Node.Insert(0, new NodeProto { OpType = "Constant", Output = { "w" }, Attribute = { attribute } });
        }
        else
        {
            message.Graph.SparseInitializer.Add(weights);
        }

        return message.ToByteArray();
    }

    [TestCase(false, false)]
    [TestCase(false, true)]
    [TestCase(true, false)]
    [TestCase(true, true)]
    public void SparseWeights_AreReadAsDense_AndDifferentiated(bool constant, bool perAxis)
    {
        // [[0, 2, 0], [0, 0, 3]]
        var sparse = Sparse("w", [2, 3], [2, 3], perAxis ? [0, 1, 1, 2] : [1, 5], perAxis);
        var model = OnnxModel.Parse(Model(sparse, constant));
        var inputs = new Dictionary<string, OnnxTensor> { ["x"] = OnnxTensor.Create<float>("x", [1, 2], [1, 1]) };
        var upstream = new Dictionary<string, OnnxTensor> { ["y"] = OnnxTensor.Create<float>("y", [1, 3], [5, 7, 11]) };
        Assert.That(GradientCheck.Gradients(GradientCompiler.Compile(model), inputs, upstream)["x"].ToArray<float>(),
            Is.EqualTo(new float[] { 14, 33 }));
        using var runner = new Runner(model);
        Assert.That(runner.Run(inputs)["y"].ToArray<float>(), Is.EqualTo(new float[] { 0, 2, 3 }));
    }

    private static IEnumerable<TestCaseData> Wrong()
    {
        TestCaseData Case(string message, SparseTensorProto sparse) => new TestCaseData(sparse, message).SetArgDisplayNames(message);
        yield return Case("has index [6] outside its shape [2,3]", Sparse("w", [2, 3], [2, 3], [1, 6], false));
        yield return Case("has index [-1] outside its shape [2,3]", Sparse("w", [2, 3], [2, 3], [-1, 5], false));
        yield return Case("has index [0,3] outside its shape [2,3]", Sparse("w", [2, 3], [2, 3], [0, 3, 1, 2], true));
        yield return Case("has indices that do not ascend at value 1", Sparse("w", [2, 3], [2, 3], [5, 1], false));
        yield return Case("has indices that do not ascend at value 1", Sparse("w", [2, 3], [2, 3], [1, 1], false));
        yield return Case("takes more than 1073741824 bytes in dense form", Sparse("w", [1_000_000, 1_000_000], [2, 3], [1, 5], false));
        yield return Case("which no memory can hold", Sparse("w", [1_000_000_000_000, 1_000_000_000_000], [2, 3], [1, 5], false));
        yield return Case("dimensions must not be negative", Sparse("w", [2, -3], [2, 3], [1, 5], false));
        var values = Sparse("w", [2, 3], [2, 3], [1, 5], false);
        values.Values = null;
        yield return Case("lacks its values or its indices", values);
        var rank = Sparse("w", [2, 3], [2, 3], [1, 5], false);
        rank.Values.Dims.Add(1);
        yield return Case("a list of numbers was expected", rank);
        var type = Sparse("w", [2, 3], [2, 3], [1, 5], false);
        type.Indices.DataType = 1;
        type.Indices.FloatData.AddRange([1, 5]);
        yield return Case("integers were expected", type);
    }

    [TestCaseSource(nameof(Wrong))]
    public void MalformedSparseTensors_AreRefused(object sparse, string message) =>
        Assert.That(() => OnnxModel.Parse(Model((SparseTensorProto)sparse, false)),
            Throws.TypeOf<OnnxModelException>().With.Message.Contains(message));
}
