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
}
