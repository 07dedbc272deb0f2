using DiffeoNN.Onnx.Gradients.Proto;
using Google.Protobuf;

namespace DiffeoNN.Onnx.Gradients.Tests.Model;

/// <summary>Tensors in files beside the model.</summary>
public sealed class ExternalDataTests
{
    private string _root = "";

    private string Folder => Path.Combine(_root, "model");

    private string File => Path.Combine(Folder, "m.onnx");

    [SetUp]
    public void CreateFolder()
    {
        _root = Path.Combine(TestContext.CurrentContext.WorkDirectory, Guid.NewGuid().ToString("N"));
        Directory.CreateDirectory(Folder);
    }

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_root, recursive: true);

    /// <summary>y = x · w with w of so many rows in an external file.</summary>
    private void Write(long rows, string location, long? offset = null, long? length = null, long columns = 4, string type = "Float")
    {
        var graph = new GraphProto { Name = "g" };
        ValueInfoProto Value(string name, params long[] shape)
        {
            var declared = new TensorShapeProto();
            declared.Dim.AddRange(shape.Select(s => new TensorShapeProto.Types.Dimension { DimValue = s }));
            return new ValueInfoProto
            {
                Name = name,
                Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = 1, Shape = declared } },
            };
        }

        graph.Input.Add(Value("x", 1, rows));
        graph.Output.Add(Value("y", 1, columns));
        graph.Node.Add(new NodeProto { OpType = "MatMul", Name = "product", Input = { "x", "w" }, Output = { "y" } });
        var weights =
            new TensorProto { Name = "w", DataType = (int)Enum.Parse<OnnxElementType>(type), Dims = { rows, columns }, DataLocation = 1 };
        void Entry(string key, string value) => weights.ExternalData.Add(new StringStringEntryProto { Key = key, Value = value });
        Entry("location", location);
        if (offset is not null)
            Entry("offset", $"{offset}");
        if (length is not null)
            Entry("length", $"{length}");
        graph.Initializer.Add(weights);
        System.IO.File.WriteAllBytes(
            File, new ModelProto { IrVersion = 8, Graph = graph, OpsetImport = { new OperatorSetIdProto { Version = 17 } } }.ToByteArray());
    }

    private void Data(string name, int count) =>
        System.IO.File.WriteAllBytes(Path.Combine(Folder, name),
            OnnxTensor.FromDoubles("", OnnxElementType.Float, [count], [.. Enumerable.Range(0, count).Select(i => (double)i)]).Data
                .ToArray());

    private static float[] Weights(OnnxModel model) => model.Graph.Initializers["w"].ToArray<float>();

    [Test]
    public void Load_ReadsFromAnOffset_InASubfolder()
    {
        Directory.CreateDirectory(Path.Combine(Folder, "parts"));
        Data("parts/w.bin", 20);
        Write(3, "parts/w.bin", offset: 16, length: 48);
        Assert.That(Weights(OnnxModel.Load(File)), Is.EqualTo(Enumerable.Range(4, 12).Select(i => (float)i)));
    }

    [TestCase("../w.bin")]
    [TestCase("parts/../../w.bin")]
    [TestCase("parts/../w.bin")]
    [TestCase("/etc/passwd")]
    [TestCase("out/w.bin", Description = "a folder that is a link out of the model's")]
    [TestCase("out.bin", Description = "a link out")]
    [TestCase("twice.bin", Description = "a link to a link out")]
    [TestCase("loop.bin", Description = "a link to itself")]
    public void Load_OfLocationOutsideTheFolder_IsRefused(string location)
    {
        System.IO.File.WriteAllBytes(Path.Combine(_root, "w.bin"), new byte[48]);
        Data("w.bin", 12);
        Directory.CreateDirectory(Path.Combine(Folder, "parts"));
        Directory.CreateSymbolicLink(Path.Combine(Folder, "out"), _root);
        System.IO.File.CreateSymbolicLink(Path.Combine(Folder, "out.bin"), "../w.bin");
        System.IO.File.CreateSymbolicLink(Path.Combine(Folder, "twice.bin"), "out.bin");
        System.IO.File.CreateSymbolicLink(Path.Combine(Folder, "loop.bin"), "loop.bin");
        Write(3, location);
        Assert.That(() => OnnxModel.Load(File), Throws.TypeOf<OnnxModelException>()
            .With.Message.EqualTo(
                $"Model 'm.onnx': Tensor 'w': external data '{location}' leaves the model's folder; it must lie inside '{Folder}'."));
    }

    [Test]
    public void Load_ThroughLinksInsideTheFolder_Works()
    {
        Data("w.bin", 12);
        System.IO.File.CreateSymbolicLink(Path.Combine(Folder, "in.bin"), "w.bin");
        Write(3, "in.bin");
        Directory.CreateSymbolicLink(Path.Combine(_root, "other"), Folder);
        Assert.That(Weights(OnnxModel.Load(Path.Combine(_root, "other", "m.onnx"))), Has.Length.EqualTo(12));
    }

    [TestCase("", null, null, "has no location")]
    [TestCase("missing.bin", null, null, "cannot be read")]
    [TestCase("w.bin", -1, null, "has offset '-1'; a number of bytes was expected")]
    [TestCase("w.bin", 1, null, "needs bytes up to 49 of 'w.bin', which has 48; the file is truncated")]
    [TestCase("w.bin", long.MaxValue, null, "the file is truncated")]
    [TestCase("w.bin", 0, 44, "has 44 bytes in 'w.bin'; its shape and type need 48")]
    public void Load_OfWrongEntry_SaysWhatIsWrong(string location, long? offset, long? length, string message)
    {
        Data("w.bin", 12);
        Write(3, location, offset, length);
        Assert.That(() => OnnxModel.Load(File), Throws.TypeOf<OnnxModelException>().With.Message.Contains(message));
    }

    [Test]
    public void Load_OfADeclaredSizeBeyondTheFile_IsRefusedWithoutMemory()
    {
        Data("w.bin", 12);
        Write(1_000_000_000_000, "w.bin");
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.That(() => OnnxModel.Load(File), Throws.TypeOf<OnnxModelException>().With.Message.Contains("the file is truncated"));
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(10 << 20));
    }

    [Test]
    public void GradientModel_RefersToTheOriginalsData_InTheSameFolder()
    {
        const int Rows = 20_000;
        Data("w.bin", Rows * 4);
        Write(Rows, "w.bin");
        var target = Path.Combine(Folder, "g.onnx");
        GradientCompiler.Compile(OnnxModel.Load(File)).Save(target);
        Assert.Multiple(() =>
        {
            Assert.That(new FileInfo(target).Length, Is.LessThan(4096));
            Assert.That(Directory.GetFiles(Folder).Select(Path.GetFileName), Is.EquivalentTo(new[] { "m.onnx", "w.bin", "g.onnx" }));
            Assert.That(Weights(OnnxModel.Load(target))[^1], Is.EqualTo((Rows * 4) - 1));
        });
        using var runner = Runner.OfFile(target);
        var result = runner.Run(new Dictionary<string, OnnxTensor>
        {
            ["x"] = OnnxTensor.FromDoubles("x", OnnxElementType.Float, [1, Rows], new double[Rows]),
            ["y_grad"] = OnnxTensor.Create<float>("y_grad", [1, 4], [1, 0, 0, 0]),
        });
        Assert.That(result["x_grad"].ToArray<float>()[^1], Is.EqualTo((Rows * 4) - 4), "the row's first weight");
    }

    [Test]
    public void GradientModel_InAnotherFolder_HoldsTheData()
    {
        const int Rows = 20_000;
        Data("w.bin", Rows * 4);
        Write(Rows, "w.bin");
        var target = Path.Combine(Directory.CreateDirectory(Path.Combine(_root, "other")).FullName, "g.onnx");
        GradientCompiler.Compile(OnnxModel.Load(File)).Save(target);
        Assert.That(new FileInfo(target).Length, Is.GreaterThan(Rows * 16));
        Assert.That(Weights(OnnxModel.Load(target))[^1], Is.EqualTo((Rows * 4) - 1));
    }

    [Test]
    public void SaveWithExternalData_OverTheFileItWasReadFrom_KeepsTheData()
    {
        var model = new OnnxModel { OpsetImports = { [""] = 17 } };
        model.Graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, [20_000]));
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, [20_000]));
        model.Graph.AddInitializer(OnnxTensor.FromDoubles("a", OnnxElementType.Float, [20_000], [.. Enumerable.Repeat(1.0, 20_000)]));
        model.Graph.AddInitializer(OnnxTensor.FromDoubles("b", OnnxElementType.Float, [20_000], [.. Enumerable.Repeat(2.0, 20_000)]));
        model.Graph.AddNode("Add", ["x", "a"], "t");
        model.Graph.AddNode("Mul", ["t", "b"], "y");
        model.SaveWithExternalData(File, 16);
        var loaded = OnnxModel.Load(File);
        var b = loaded.Graph.Initializers["b"];
        loaded.Graph.Initializers.Remove("a");
        loaded.Graph.AddInitializer(OnnxTensor.FromDoubles("a", OnnxElementType.Float, [20_000], [.. Enumerable.Repeat(3.0, 20_000)]));
        loaded.SaveWithExternalData(File, 16);
        Assert.Multiple(() =>
        {
            Assert.That(b.ToArray<float>(), Has.All.EqualTo(2), "the model in memory still reads the old file");
            Assert.That(OnnxModel.Load(File).Graph.Initializers["a"].ToArray<float>(), Has.All.EqualTo(3));
            Assert.That(OnnxModel.Load(File).Graph.Initializers["b"].ToArray<float>(), Has.All.EqualTo(2));
        });
        loaded.Save(File);
        Assert.That(OnnxModel.Load(File).Graph.Initializers["b"].ToArray<float>(), Has.All.EqualTo(2), "a reference that is kept");
        Assert.That(Directory.GetFiles(Folder), Has.Length.EqualTo(2), "no temporary file is left");
    }

    [Test]
    public void Save_ToAMissingFolder_SaysSo() =>
        Assert.That(() => new OnnxModel { OpsetImports = { [""] = 17 } }.Save(Path.Combine(_root, "none", "m.onnx")),
            Throws.InstanceOf<IOException>().With.Message.Contains("its folder does not exist"));

    [Test]
    public void WeightsAboveTwoGigabytes_StayInTheirFile()
    {
        const long Rows = 140_000_000;
        using (var data = System.IO.File.Create(Path.Combine(Folder, "w.bin")))
            data.SetLength(Rows * 16);
        Write(Rows, "w.bin");
        var target = Path.Combine(Folder, "g.onnx");
        var before = GC.GetAllocatedBytesForCurrentThread();
        var model = OnnxModel.Load(File);
        var gradient = GradientCompiler.Compile(model, new GradientOptions { Seed = GradientSeed.Ones });
        gradient.Save(target);
        Assert.Multiple(() =>
        {
            Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(20 << 20), "nothing of the tensor was read");
            Assert.That(new FileInfo(target).Length, Is.LessThan(4096));
            Assert.That(OnnxModel.Load(target).Graph.Outputs.Select(o => o.ToString()), Does.Contain($"'x_grad' float32 [1,{Rows}]"));
            Assert.That(() => gradient.ToBytes(),
                Throws.TypeOf<OnnxModelException>().With.Message.Contains("OnnxModel.Save puts them into a second one"));
            Assert.That(() => model.Graph.Initializers["w"].Data,
                Throws.TypeOf<OnnxModelException>().With.Message.Contains("too many to be read at once"));
        });
    }

    [Test, Explicit("Writes 2.2 GB.")]
    public void WeightsAboveTwoGigabytes_AreCopied_ToAnotherFolder()
    {
        const long Rows = 140_000_000;
        using (var data = System.IO.File.Create(Path.Combine(Folder, "w.bin")))
            data.SetLength(Rows * 16);
        Write(Rows, "w.bin");
        var target = Path.Combine(Directory.CreateDirectory(Path.Combine(_root, "other")).FullName, "g.onnx");
        GradientCompiler.Compile(OnnxModel.Load(File)).Save(target);
        Assert.That(new FileInfo(target + ".data").Length, Is.EqualTo(Rows * 16));
        Assert.That(OnnxModel.Load(target).Graph.Initializers["w"].ByteLength, Is.EqualTo(Rows * 16));
    }
}
