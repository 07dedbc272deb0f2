namespace DiffeoNN.Onnx.Gradients.Tests.Model;

public sealed class OnnxModelTests
{
    private static OnnxModel Small()
    {
        var model = new OnnxModel { OpsetImports = { [""] = 17 } };
        var graph = model.Graph;
        graph.Name = "small";
        graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, ["N", 3]));
        graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, ["N", 3]));
        graph.AddInitializer(OnnxTensor.Create<float>("w", [3], [1, 2, 3]));
        graph.AddNode("Mul", ["x", "w"], "m");
        graph.AddNode("Relu", ["m"], "y");
        return model;
    }

    [Test]
    public void Save_ThenLoad_KeepsEverything()
    {
        var path = Path.Combine(TestContext.CurrentContext.WorkDirectory, "small.onnx");
        var model = Small();
        model.Metadata["note"] = "kept";
        model.DocString = "a small model";
        model.Graph.Inputs[0] = model.Graph.Inputs[0] with { DocString = "what goes in" };
        model.Copy().Save(path);
        var loaded = OnnxModel.Load(path);
        Assert.Multiple(() =>
        {
            Assert.That(loaded.Opset, Is.EqualTo(17));
            Assert.That(loaded.Metadata["note"], Is.EqualTo("kept"));
            Assert.That(loaded.DocString, Is.EqualTo("a small model"));
            Assert.That(loaded.Graph.Input("x").DocString, Is.EqualTo("what goes in"));
            Assert.That(loaded.Graph.Input("x").ToString(), Is.EqualTo("'x' float32 [N,3]"));
            Assert.That(loaded.Graph.Initializers["w"].ToArray<float>(), Is.EqualTo(new float[] { 1, 2, 3 }));
            Assert.That(loaded.Graph.Nodes.Select(n => n.OpType), Is.EqualTo(new[] { "Mul", "Relu" }));
        });
    }

    [Test]
    public void Parse_OfNodesInAnyOrder_SortsThem()
    {
        var model = Small();
        model.Graph.Nodes.Reverse();
        Assert.That(OnnxModel.Parse(model.ToBytes()).Graph.Nodes.Select(n => n.OpType), Is.EqualTo(new[] { "Mul", "Relu" }));
    }

    [Test]
    public void Parse_OfCycle_NamesANodeInIt()
    {
        var model = Small();
        model.Graph.Nodes[0].Inputs[1] = "y";
        Assert.That(() => OnnxModel.Parse(model.ToBytes()), Throws.TypeOf<OnnxModelException>()
            .With.Message.EqualTo("Graph 'small' has a cycle through Mul (node 'm')."));
    }

    [Test]
    public void Parse_OfUnsuppliedValue_NamesReaderAndValue()
    {
        var model = Small();
        model.Graph.Initializers.Clear();
        Assert.That(() => OnnxModel.Parse(model.ToBytes()), Throws.TypeOf<OnnxModelException>()
            .With.Message.Contains("reads 'w', which no input, initialiser or node of graph 'small' supplies"));
    }

    [Test]
    public void Parse_OfAnyTruncation_FailsTypedOrReads()
    {
        var bytes = Small().ToBytes();
        for (var length = 0; length < bytes.Length; length++)
            Tolerate(bytes.AsSpan(0, length));
    }

    [Test]
    public void Parse_OfMutatedBytes_FailsTypedOrReads()
    {
        var bytes = Small().ToBytes();
        var random = new Random(11);
        for (var i = 0; i < 10_000; i++)
        {
            var copy = (byte[])bytes.Clone();
            for (var k = random.Next(1, 4); k > 0; k--)
                copy[random.Next(copy.Length)] = (byte)random.Next(256);
            Tolerate(copy);
        }
    }

    [Test]
    public void Input_OfUnknownName_ListsInputs() =>
        Assert.That(() => Small().Graph.Input("img"), Throws.TypeOf<OnnxModelException>()
            .With.Message.EqualTo("Graph 'small' has no input 'img'. Inputs: 'x' float32 [N,3]."));

    [Test]
    public void Append_PutsAnotherGraphBehindThisOne()
    {
        var model = Small();
        var outputs = model.Graph.Append(Small().Graph, "b/", new Dictionary<string, string> { ["x"] = "y" });
        Assert.Multiple(() =>
        {
            Assert.That(outputs["y"], Is.EqualTo("b/y"));
            Assert.That(model.Graph.Nodes[2].Inputs, Is.EqualTo(new[] { "y", "b/w" }));
            Assert.That(model.Graph.Initializers.Keys, Is.EquivalentTo(new[] { "w", "b/w" }));
            Assert.That(() => model.Graph.Append(Small().Graph, "b/", new Dictionary<string, string> { ["x"] = "y" }),
                Throws.TypeOf<OnnxModelException>().With.Message.Contains("choose another prefix than 'b/'"));
            Assert.That(() => model.Graph.Append(Small().Graph, "c/", new Dictionary<string, string>()),
                Throws.TypeOf<OnnxModelException>().With.Message.Contains("needs a value for its inputs 'x' float32 [N,3]"));
        });
    }

    private static void Tolerate(ReadOnlySpan<byte> bytes)
    {
        try
        {
            _ = OnnxModel.Parse(bytes);
        }
        catch (OnnxModelException)
        {
            // The one error a malformed model may cause.
        }
    }
}
