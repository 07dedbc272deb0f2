namespace DiffeoNN.Onnx.Gradients.Tests.Robustness;

/// <summary>Models that no runtime could run, or whose sizes no memory holds: refused for what is wrong with them, soon.</summary>
public sealed class ContradictoryModelTests
{
    private static readonly OnnxDimension[] Image = [1, 2, 6, 6];

    [TestCase(1L << 40, 1L << 40)]
    [TestCase(long.MaxValue, 2)]
    public void MeanOfMoreThanFitsIntoANumber_IsRefused(long height, long width) => Refused(
        Model([1, 1, height, width], new OnnxNode("ReduceMean", ["x"], ["y"])), "sizes that no memory can hold");

    [TestCase("PRelu")]
    [TestCase("LayerNormalization")]
    public void ParametersOfAHigherRankThanTheirInput_AreRefused(string type) => Refused(
        Model(Image, new OnnxNode(type, ["x", "w"], ["y"]), OnnxTensor.Create<float>("w", [1, 1, 1, 1, 6], new float[6])),
        "input 1 was expected to fit");

    [TestCase("PRelu")]
    [TestCase("LayerNormalization")]
    public void ParametersWiderThanTheirInput_AreRefused(string type) => Refused(
        Model([1, 2, 6, 1], new OnnxNode(type, ["x", "w"], ["y"]), OnnxTensor.Create<float>("w", [3], new float[3])),
        "input 1 was expected to fit");

    [TestCase("PRelu")]
    [TestCase("LayerNormalization")]
    public void ParametersThatRepeat_AreTaken(string type) => Assert.That(
        () =>
            GradientCompiler.Compile(Model(Image, new OnnxNode(type, ["x", "w"], ["y"]), OnnxTensor.Create<float>("w", [6], new float[6]))),
        Throws.Nothing);

    /// <summary>A count for each of the windows would be written into the model.</summary>
    [Test, CancelAfter(20_000)]
    public void AveragesOverHugeImages_TakeTheirCountsWhenTheyRun()
    {
        var pool = new OnnxNode(
            "AveragePool", ["x"], ["y"], OnnxAttribute.Of("kernel_shape", [3L]), OnnxAttribute.Of("pads", [1L, 1]));
        var gradient = GradientCompiler.Compile(Model([1, 2, 4_000_000_000], pool));
        Assert.That(gradient.ToBytes(), Has.Length.LessThan(100_000));
    }

    [Test]
    public void WindowsOfMoreElementsThanAModelHolds_AreRefused() => Assert.That(
        () => GradientCompiler.Compile(Model(
            [1, 2, 100_000, 100_000], new OnnxNode("AveragePool", ["x"], ["y"], OnnxAttribute.Of("kernel_shape", [70_000L, 70_000])))),
        Throws.TypeOf<UnsupportedOperatorException>().With.Message.Contains("70000 x 70000"));

    [TestCase(6, 3)]
    [TestCase(2_000_000_000, 2)]
    public void ResizeOfMoreThanFitsIntoAMatrix_IsRefused(long width, float scale)
    {
        var model = Model(
            [1, 2, 6, width], new OnnxNode("Resize", ["x", "", "scales"], ["y"], OnnxAttribute.Of("mode", "linear")),
            OnnxTensor.Create<float>("scales", [4], [1, 1, 1, scale]));
        Assert.That(
            () => GradientCompiler.Compile(model),
            width < 100 ? Throws.Nothing : Throws.TypeOf<UnsupportedOperatorException>().With.Message.Contains("weights for one axis"));
    }

    [TestCase(1, 2, "hands its graph 'body' 3 inputs; the graph has 1")]
    [TestCase(2, 2, "hands its graph 'body' 3 inputs; the graph has 2")]
    [TestCase(4, 2, "hands its graph 'body' 3 inputs; the graph has 4")]
    [TestCase(3, 1, "takes 2 outputs from its graph 'body'; the graph has 1")]
    [TestCase(3, 2, "")]
    public void LoopWhoseBodyDoesNotFit_IsRefused(int inputs, int outputs, string reason)
    {
        var body = new OnnxGraph { Name = "body" };
        OnnxValueInfo[] all = [new("i", OnnxElementType.Int64, []), new("go", OnnxElementType.Bool, []), Float("s", Image),
            Float("t", Image)];
        body.Inputs.AddRange(all.Take(inputs));
        body.AddInitializer(OnnxTensor.Scalar("yes", true));
        body.AddNode("Identity", ["yes"], "more");
        body.AddNode("Sin", [inputs > 2 ? "s" : "x"], "next");
        body.Outputs.AddRange(new OnnxValueInfo[] { new("more", OnnxElementType.Bool, []), Float("next", Image) }.Take(outputs));
        var model = Model(Image, new OnnxNode("Loop", ["trips", "", "x"], ["y"], OnnxAttribute.Of("body", body)),
            OnnxTensor.Scalar("trips", 3L));

        if (reason.Length > 0) Refused(model, reason);
        else Assert.That(() => GradientCompiler.Compile(model), Throws.Nothing);
    }

    [Test]
    public void BranchesWithInputs_AreRefused()
    {
        var body = new OnnxGraph { Name = "branch" };
        body.Inputs.Add(Float("s", Image));
        body.AddNode("Sin", ["x"], "b");
        body.Outputs.Add(Float("b", Image));
        var node = new OnnxNode("If", ["flag"], ["y"], OnnxAttribute.Of("then_branch", body), OnnxAttribute.Of("else_branch", body));
        Refused(Model(Image, node, OnnxTensor.Scalar("flag", true)), "hands its graph 'then_branch' 0 inputs; the graph has 1");
    }

    /// <summary>What is checked by the model's own operator set does not look at an operator that came later.</summary>
    [Test]
    public void NewerOperatorWithoutItsAttribute_IsRefused()
    {
        var model = Model(Image, new OnnxNode("Einsum", ["x"], ["y"]));
        model.OpsetImports[""] = 11;
        Refused(model, "lacks its attribute 'equation'");
    }

    private static OnnxValueInfo Float(string name, params OnnxDimension[] shape) => new(name, OnnxElementType.Float, shape);

    private static OnnxModel Model(OnnxDimension[] shape, OnnxNode node, params OnnxTensor[] constants)
    {
        var model = new OnnxModel { OpsetImports = { [""] = 17 } };
        model.Graph.Inputs.Add(Float("x", shape));
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, null));
        foreach (var constant in constants) model.Graph.AddInitializer(constant);
        model.Graph.Nodes.Add(node);
        return model;
    }

    private static void Refused(OnnxModel model, string reason) => Assert.That(
        () => GradientCompiler.Compile(model), Throws.TypeOf<OnnxModelException>().With.Message.Contains(reason));
}
