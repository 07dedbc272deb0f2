namespace DiffeoNN.Onnx.Gradients.Tests.Model;

public sealed class FilesAndFunctionsTests
{
    private static OnnxModel Product(int opset = 18)
    {
        var model = new OnnxModel { OpsetImports = { [""] = opset } };
        model.Graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, ["N", 64]));
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, ["N", 64]));
        model.Graph.AddInitializer(
            OnnxTensor.FromDoubles("w", OnnxElementType.Float, [64], [.. Enumerable.Range(0, 64).Select(i => (double)i)]));
        model.Graph.AddNode("Mul", ["x", "w"], "y");
        return model;
    }

    private static string Folder()
    {
        var folder = Path.Combine(TestContext.CurrentContext.WorkDirectory, Guid.NewGuid().ToString("N"));
        Directory.CreateDirectory(folder);
        return folder;
    }

    [Test]
    public void ExternalData_IsReadFromBesideTheModel()
    {
        var path = Path.Combine(Folder(), "m.onnx");
        Product().SaveWithExternalData(path, 16);
        Assert.That(new FileInfo(path + ".data").Length, Is.EqualTo(256));
        Assert.That(OnnxModel.Load(path).Graph.Initializers["w"].ToArray<float>()[63], Is.EqualTo(63));
        Assert.That(() => OnnxModel.Parse(File.ReadAllBytes(path)), Throws.TypeOf<OnnxModelException>()
            .With.Message.EqualTo("Tensor 'w' lies in the file 'm.onnx.data'; load the model from its file, not from bytes."));
    }

    [Test]
    public void ExternalData_ThatLeavesTheFolder_IsRefused()
    {
        var folder = Folder();
        Directory.CreateDirectory(Path.Combine(folder, "inner"));
        var path = Path.Combine(folder, "inner", "m.onnx");
        Product().SaveWithExternalData(path, 16);
        File.Move(path + ".data", Path.Combine(folder, "m.onnx.data"));
        var text = File.ReadAllBytes(path);
        // The location keeps its length: 'm.onnx.data' becomes '../onnx.dat'.
        var at = text.AsSpan().IndexOf("m.onnx.data"u8);
        "../onnx.dat"u8.CopyTo(text.AsSpan(at));
        File.WriteAllBytes(path, text);
        Assert.That(() => OnnxModel.Load(path), Throws.TypeOf<OnnxModelException>()
            .With.Message.Contains("external data '../onnx.dat' leaves the model's folder"));
    }

    [Test]
    public void ExternalData_ThatIsTooShort_IsRefused()
    {
        var path = Path.Combine(Folder(), "m.onnx");
        Product().SaveWithExternalData(path, 16);
        File.WriteAllBytes(path + ".data", new byte[100]);
        Assert.That(() => OnnxModel.Load(path), Throws.TypeOf<OnnxModelException>()
            .With.Message.Contains("needs bytes up to 256 of 'm.onnx.data', which has 100; the file is truncated"));
    }

    [Test]
    public void Functions_AreInlined_WithAttributesAndDefaults()
    {
        var model = new OnnxModel { OpsetImports = { [""] = 17, ["local"] = 1 } };
        model.Graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, ["N"]));
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, ["N"]));
        var leaky = new OnnxNode("LeakyRelu", ["t"], ["out"], OnnxAttribute.Raw("alpha", OnnxAttributeKind.Float, null, "slope"));
        model.Functions.Add(new OnnxFunction("local", "Twice", "", ["in"], ["out"],
            [new OnnxNode("Add", ["in", "in"], ["t"]), leaky], [OnnxAttribute.Of("slope", 0.5f)],
            new Dictionary<string, long> { [""] = 17 }));
        model.Graph.Nodes.Add(new OnnxNode("Twice", ["x"], ["a"]) { Domain = "local" });
        model.Graph.Nodes.Add(new OnnxNode("Twice", ["a"], ["y"], OnnxAttribute.Of("slope", 0.25f)) { Domain = "local" });
        var read = OnnxModel.Parse(model.ToBytes());
        var gradient = GradientCheck.Gradients(
            GradientCompiler.Compile(read), new Dictionary<string, OnnxTensor> { ["x"] = OnnxTensor.Create<float>("x", [2], [1, -1]) },
            new Dictionary<string, OnnxTensor> { ["y"] = OnnxTensor.Create<float>("y", [2], [1, 1]) });
        Assert.That(gradient["x"].ToArray<float>(), Is.EqualTo(new[] { 4, 0.5f }).Within(1e-6));
    }

    [Test]
    public void Functions_ThatCallThemselves_AreRefused()
    {
        var model = Product(17);
        model.OpsetImports["local"] = 1;
        model.Functions.Add(
            new OnnxFunction("local", "Loop", "", ["a"], ["b"], [new OnnxNode("Loop", ["a"], ["b"]) { Domain = "local" }], [],
                new Dictionary<string, long> { [""] = 17 }));
        model.Graph.Nodes[0] = new OnnxNode("Loop", ["x"], ["y"]) { Domain = "local" };
        Assert.That(() => GradientCompiler.Compile(model),
            Throws.TypeOf<OnnxModelException>().With.Message.Contains("Function 'Loop' calls itself"));
    }

    [Test]
    public void Compile_OfMutatedModels_FailsTypedOrCompiles()
    {
        var bytes = Product(11).ToBytes();
        var random = new Random(21);
        for (var i = 0; i < 3000; i++)
        {
            var copy = (byte[])bytes.Clone();
            for (var k = random.Next(1, 4); k > 0; k--)
                copy[random.Next(copy.Length)] = (byte)random.Next(256);
            try
            {
                GradientCompiler.Compile(OnnxModel.Parse(copy));
            }
            catch (GradientException)
            {
                // The one family of errors a malformed model may cause.
            }
        }
    }
}
