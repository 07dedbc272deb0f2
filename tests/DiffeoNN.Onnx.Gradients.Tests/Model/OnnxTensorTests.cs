namespace DiffeoNN.Onnx.Gradients.Tests.Model;

public sealed class OnnxTensorTests
{
    [Test]
    public void SavePb_ThenLoadPb_KeepsNameShapeAndElements()
    {
        var path = Path.Combine(TestContext.CurrentContext.WorkDirectory, "tensor.pb");
        OnnxTensor.Create<double>("y", [2, 2], [1, -2, 0.5, 1e300]).SavePb(path);
        var loaded = OnnxTensor.LoadPb(path);
        Assert.Multiple(() =>
        {
            Assert.That(loaded.Name, Is.EqualTo("y"));
            Assert.That(loaded.Dimensions, Is.EqualTo(new long[] { 2, 2 }));
            Assert.That(loaded.ToArray<double>(), Is.EqualTo(new[] { 1, -2, 0.5, 1e300 }));
        });
    }

    [Test]
    public void LoadPb_OfPublishedTestData_ReadsIt()
    {
        var path = Repository.Shared("onnx-cases/node/test_add/test_data_set_0/input_0.pb");
        var tensor = OnnxTensor.LoadPb(path);
        Assert.That(tensor.ToArray<float>(), Has.Length.EqualTo(tensor.Count));
    }

    [Test]
    public void Create_OfWrongCount_SaysBoth() =>
        Assert.That(() => OnnxTensor.Create<float>("w", [2, 2], [1, 2, 3]), Throws.TypeOf<OnnxModelException>()
            .With.Message.EqualTo("Tensor 'w' of shape [2,2] and type Float has 12 bytes; 16 were expected."));

    [TestCase(OnnxElementType.Float)]
    [TestCase(OnnxElementType.Double)]
    [TestCase(OnnxElementType.Float16)]
    [TestCase(OnnxElementType.BFloat16)]
    [TestCase(OnnxElementType.Int64)]
    [TestCase(OnnxElementType.Int32)]
    [TestCase(OnnxElementType.Int8)]
    [TestCase(OnnxElementType.UInt8)]
    public void FromDoubles_ThenToDoubleArray_KeepsSmallNumbers(OnnxElementType type) =>
        Assert.That(OnnxTensor.FromDoubles("t", type, [3], [1, 0, 7]).ToDoubleArray(), Is.EqualTo(new double[] { 1, 0, 7 }));

    [Test]
    public void EveryFloat16_SurvivesDoubles()
    {
        var all = OnnxTensor.Create<ushort>("", [65536], [.. Enumerable.Range(0, 65536).Select(i => (ushort)i)]);
        var halves = new OnnxTensor("", OnnxElementType.Float16, [65536], all.Data);
        var back = OnnxTensor.FromDoubles("", OnnxElementType.Float16, [65536], halves.ToDoubleArray());
        AreSameNumbers(halves, back);
    }

    [Test]
    public void EveryBFloat16_SurvivesDoubles()
    {
        var all = OnnxTensor.Create<ushort>("", [65536], [.. Enumerable.Range(0, 65536).Select(i => (ushort)i)]);
        var brains = new OnnxTensor("", OnnxElementType.BFloat16, [65536], all.Data);
        AreSameNumbers(brains, OnnxTensor.FromDoubles("", OnnxElementType.BFloat16, [65536], brains.ToDoubleArray()));
    }

    private static void AreSameNumbers(OnnxTensor a, OnnxTensor b)
    {
        var (x, y) = (a.ToDoubleArray(), b.ToDoubleArray());
        for (var i = 0; i < x.Length; i++)
            Assert.That(double.IsNaN(x[i]) ? double.IsNaN(y[i]) : a.Data.Slice(2 * i, 2).Span.SequenceEqual(b.Data.Slice(2 * i, 2).Span),
                $"element {i}: {x[i]} became {y[i]}");
    }

    [TestCase(1.00390625, 0x3F80, Description = "a tie goes to the even neighbour")]
    [TestCase(1.01171875, 0x3F82, Description = "a tie goes to the even neighbour")]
    [TestCase(1.0039062500000002, 0x3F81, Description = "just above a tie, where float32 sees the tie")]
    [TestCase(1.0117187499999998, 0x3F81, Description = "just below a tie, where float32 sees the tie")]
    [TestCase(-1.0039062500000002, 0xBF81)]
    [TestCase(3.3895313892515355e38, 0x7F7F, Description = "the largest")]
    [TestCase(3.4e38, 0x7F80, Description = "past the largest: infinity")]
    [TestCase(double.MaxValue, 0x7F80)]
    [TestCase(double.NegativeInfinity, 0xFF80)]
    [TestCase(double.NaN, 0x7FC0)]
    [TestCase(9.183549615799121e-41, 0x0001, Description = "the smallest")]
    [TestCase(-0.0, 0x8000)]
    public void BFloat16_IsTheNearest(double value, int bits) =>
        Assert.That(BitConverter.ToUInt16(OnnxTensor.FromDoubles("", OnnxElementType.BFloat16, [], [value]).Data.Span), Is.EqualTo(bits));

    [TestCase(1.00048828125, 0x3C00, Description = "a tie goes to the even neighbour")]
    [TestCase(1.0004882812500002, 0x3C01, Description = "just above a tie, where float32 sees the tie")]
    [TestCase(65504.0, 0x7BFF)]
    [TestCase(65520.0, 0x7C00)]
    [TestCase(5.960464477539063e-8, 0x0001)]
    public void Float16_IsTheNearest(double value, int bits) =>
        Assert.That(BitConverter.ToUInt16(OnnxTensor.FromDoubles("", OnnxElementType.Float16, [], [value]).Data.Span), Is.EqualTo(bits));

    [Test]
    public void Tensors_AreReadFromTypedFields()
    {
        static OnnxTensor Read(Action<Proto.TensorProto> fill, OnnxElementType type)
        {
            var tensor = new Proto.TensorProto { DataType = (int)type, Dims = { 2 } };
            fill(tensor);
            return TensorReader.Read(tensor, new ExternalData(null));
        }

        Assert.Multiple(() =>
        {
            Assert.That(Read(t => t.Int32Data.AddRange([0x3C00, 0xC000]), OnnxElementType.Float16).ToDoubleArray(),
                Is.EqualTo(new[] { 1.0, -2 }));
            Assert.That(Read(t => t.Int32Data.AddRange([0x3F80, 0xC000]), OnnxElementType.BFloat16).ToDoubleArray(),
                Is.EqualTo(new[] { 1.0, -2 }));
            Assert.That(Read(t => t.DoubleData.AddRange([1, -2]), OnnxElementType.Double).ToDoubleArray(), Is.EqualTo(new[] { 1.0, -2 }));
            Assert.That(Read(t => t.FloatData.AddRange([1, -2]), OnnxElementType.Float).ToDoubleArray(), Is.EqualTo(new[] { 1.0, -2 }));
            Assert.That(Read(t => t.Int32Data.AddRange([1, -2]), OnnxElementType.Int8).ToDoubleArray(), Is.EqualTo(new[] { 1.0, -2 }));
            Assert.That(Read(t => t.Int32Data.AddRange([1, 254]), OnnxElementType.UInt8).ToDoubleArray(), Is.EqualTo(new[] { 1.0, 254 }));
            Assert.That(Read(t => t.Int32Data.AddRange([1, -2]), OnnxElementType.Int16).ToDoubleArray(), Is.EqualTo(new[] { 1.0, -2 }));
            Assert.That(Read(t => t.Int32Data.AddRange([1, 65534]), OnnxElementType.UInt16).ToDoubleArray(),
                Is.EqualTo(new[] { 1.0, 65534 }));
            Assert.That(Read(t => t.Int32Data.AddRange([1, 0]), OnnxElementType.Bool).ToDoubleArray(), Is.EqualTo(new[] { 1.0, 0 }));
            Assert.That(Read(t => t.Int64Data.AddRange([1, -2]), OnnxElementType.Int64).ToDoubleArray(), Is.EqualTo(new[] { 1.0, -2 }));
            Assert.That(Read(t => t.Uint64Data.AddRange([1, 4294967295]), OnnxElementType.UInt32).ToDoubleArray(),
                Is.EqualTo(new[] { 1.0, 4294967295 }));
            Assert.That(Read(t => t.Uint64Data.AddRange([1, ulong.MaxValue]), OnnxElementType.UInt64).ToDoubleArray(),
                Is.EqualTo(new[] { 1.0, 1.8446744073709552e19 }));
        });
    }
}
