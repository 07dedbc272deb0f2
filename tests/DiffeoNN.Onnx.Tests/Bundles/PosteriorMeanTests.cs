using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Tests.Bundles;

[TestFixture]
internal sealed class PosteriorMeanTests
{
    [Test]
    public void Apply_WithoutRandomNodes_GivesTheModelItself()
    {
        var model = Model(graph => graph.AddNode("Relu", ["x"], "y"));

        var result = PosteriorMean.Apply(model);

        Assert.That(result.Model, Is.SameAs(model));
        Assert.That(result.Replaced, Is.Empty);
    }

    [TestCase("RandomNormalLike", 0)]
    [TestCase("RandomUniformLike", 0.5)]
    public void Apply_ToNoiseLikeATensor_PutsItsMeanInThatShape(string opType, double mean)
    {
        var model = Model(graph => graph.Nodes.Add(new OnnxNode(opType, ["x"], ["y"]) { Name = "noise" }));

        var result = PosteriorMean.Apply(model);

        Assert.That(result.Replaced, Is.EqualTo(new[] { $"{opType} (node 'noise')" }));
        Assert.That(result.Model.Graph.Nodes.Select(node => node.OpType), Is.EqualTo(new[] { "Shape", "ConstantOfShape" }));
        Assert.That(result.Model.Graph.Nodes[1].Inputs, Is.EqualTo(result.Model.Graph.Nodes[0].Outputs));
        Assert.That(result.Model.Graph.Nodes[1].Outputs, Is.EqualTo(new[] { "y" }));
        Assert.That(result.Model.Graph.Nodes[1].Attributes["value"].Tensor.ElementType, Is.EqualTo(OnnxElementType.Float));
        Assert.That(result.Model.Graph.Nodes[1].Attributes["value"].Tensor.ToDoubleArray(), Is.EqualTo(new[] { mean }));
        Assert.That(model.Graph.Nodes.Single().OpType, Is.EqualTo(opType), "the given model is left untouched");
    }

    [TestCase("RandomNormal")]
    [TestCase("RandomUniform")]
    public void Apply_ToNoiseOfGivenShapeAndType_KeepsBoth(string opType)
    {
        var model = Model(graph => graph.AddNode(opType, [], "y",
            OnnxAttribute.Of("shape", [3L, 4L]), OnnxAttribute.Of("dtype", 11L),
            OnnxAttribute.Of("mean", 2f), OnnxAttribute.Of("low", 1f), OnnxAttribute.Of("high", 3f)));

        var nodes = PosteriorMean.Apply(model).Model.Graph.Nodes;

        Assert.That(nodes[0].Attributes["value"].Tensor.ToInt64Array(), Is.EqualTo(new[] { 3L, 4 }));
        Assert.That(nodes[1].Attributes["value"].Tensor.ElementType, Is.EqualTo(OnnxElementType.Double));
        Assert.That(nodes[1].Attributes["value"].Tensor.ToDoubleArray(), Is.EqualTo(new[] { 2.0 }));
    }

    [Test]
    public void Apply_ToDropoutInTraining_LetsEverythingPass()
    {
        var model = Model(graph =>
        {
            graph.AddInitializer(OnnxTensor.Scalar("ratio", 0.5f));
            graph.AddInitializer(OnnxTensor.Scalar("training", true));
            graph.AddNode("Dropout", ["x", "ratio", "training"], "y");
        });

        var result = PosteriorMean.Apply(model);

        Assert.That(result.Model.Graph.Nodes.Single().Inputs, Is.EqualTo(new[] { "x", "ratio" }));
        Assert.That(result.Replaced, Is.EqualTo(new[] { "Dropout (node 'y')" }));
    }

    [Test]
    public void Apply_ToNoiseInsideABranch_ReplacesItAndLeavesTheGivenModel()
    {
        var model = Model(graph =>
        {
            graph.AddInitializer(OnnxTensor.Scalar("condition", true));
            graph.AddNode("If", ["condition"], "y",
                OnnxAttribute.Of("then_branch", Branch("RandomNormalLike")), OnnxAttribute.Of("else_branch", Branch("Relu")));
        });

        var result = PosteriorMean.Apply(model);

        var branch = result.Model.Graph.Nodes.Single().Attributes["then_branch"].Graph;
        Assert.That(branch.Nodes.Select(node => node.OpType), Is.EqualTo(new[] { "Shape", "ConstantOfShape" }));
        Assert.That(
            model.Graph.Nodes.Single().Attributes["then_branch"].Graph.Nodes.Single().OpType, Is.EqualTo("RandomNormalLike"));
    }

    [Test]
    public void Apply_ToNoiseInsideAFunction_ReplacesItAndLeavesTheGivenModel()
    {
        var model = Model(graph => graph.Nodes.Add(new OnnxNode("Noisy", ["x"], ["y"]) { Domain = "local" }));
        model.OpsetImports["local"] = 1;
        model.Functions.Add(new OnnxFunction(
            "local", "Noisy", "", ["a"], ["b"], [new OnnxNode("RandomNormalLike", ["a"], ["b"])], [],
            new Dictionary<string, long> { [""] = 16 }));

        var result = PosteriorMean.Apply(model);

        Assert.That(
            result.Model.Functions.Single().Nodes.Select(node => node.OpType), Is.EqualTo(new[] { "Shape", "ConstantOfShape" }));
        Assert.That(model.Functions.Single().Nodes.Single().OpType, Is.EqualTo("RandomNormalLike"));
    }

    [TestCase("Bernoulli")]
    [TestCase("Multinomial")]
    public void Apply_ToSamplesWithoutAUsableMean_IsRefused(string opType)
    {
        var model = Model(graph => graph.AddNode(opType, ["x"], "y"));

        Assert.That(() => PosteriorMean.Apply(model), Throws.TypeOf<OnnxModelException>().With.Message.StartsWith(
            $"{opType} (node 'y') draws samples whose mean cannot stand in for them"));
    }

    private static OnnxGraph Branch(string opType)
    {
        var graph = new OnnxGraph { Name = opType };
        graph.Outputs.Add(new OnnxValueInfo("z", OnnxElementType.Float, ["N", 2]));
        graph.AddNode(opType, ["x"], "z");
        return graph;
    }

    private static OnnxModel Model(Action<OnnxGraph> fill)
    {
        var model = new OnnxModel();
        model.OpsetImports[""] = 16;
        model.Graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, ["N", 2]));
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, ["N", 2]));
        fill(model.Graph);
        return model;
    }
}
