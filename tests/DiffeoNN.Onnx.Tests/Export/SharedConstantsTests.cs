using DiffeoNN.Onnx.Export;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Tests.Export;

/// <summary>Constants of equal content are in a file once, and names stay apart that mean different things.</summary>
[TestFixture]
public sealed class SharedConstantsTests
{
    [Test]
    public void EqualConstants_BecomeOne_AlsoThoseOfLoops()
    {
        var graph = new OnnxGraph();
        graph.AddInitializer(OnnxTensor.Create<float>("a", [2], [1, 2]));
        graph.AddInitializer(OnnxTensor.Create<float>("b", [2], [1, 2]));
        graph.AddInitializer(OnnxTensor.Create<float>("row", [1, 2], [1, 2]));
        graph.AddNode("Add", ["a", "b"], "sum");
        var body = Body("first", "c", 1, 2);
        body.AddInitializer(OnnxTensor.Create<float>("d", [1], [7]));
        graph.Nodes.Add(Loop("first", body));
        SharedConstants.Apply(graph);
        Assert.That(graph.Initializers.Keys, Is.EquivalentTo(new[] { "a", "row", "d" }));
        Assert.That(graph.Nodes[0].Inputs, Is.EqualTo(new[] { "a", "a" }));
        Assert.That(body.Initializers, Is.Empty);
        Assert.That(body.Nodes[0].Inputs, Is.EqualTo(new[] { "first_x", "a" }));
    }

    [Test]
    public void LoopsThatCallDifferentThingsAlike_KeepThem()
    {
        var graph = new OnnxGraph();
        var (first, second) = (Body("first", "c", 1, 2), Body("second", "c", 3, 4));
        graph.Nodes.AddRange([Loop("first", first), Loop("second", second)]);
        SharedConstants.Apply(graph);
        Assert.That(graph.Initializers, Is.Empty);
        Assert.That(first.Initializers["c"].ToArray<float>(), Is.EqualTo(new float[] { 1, 2 }));
        Assert.That(second.Initializers["c"].ToArray<float>(), Is.EqualTo(new float[] { 3, 4 }));
    }

    [Test]
    public void ConstantsOfLoops_StayWhereBranchesCallSomethingElseAlike()
    {
        var graph = new OnnxGraph();
        var body = Body("first", "c", 1, 2);
        var branch = new OnnxGraph();
        branch.AddNode("Tanh", ["l"], "c");
        branch.AddNode("Mul", ["c", "l"], "o");
        branch.Outputs.Add(new OnnxValueInfo("o", OnnxElementType.Float, [2]));
        graph.AddInitializer(OnnxTensor.Create<float>("a", [2], [1, 2]));
        graph.Nodes.AddRange([Loop("first", body), new("If", ["is"], ["y"], OnnxAttribute.Of("then_branch", branch))]);
        SharedConstants.Apply(graph);
        Assert.That(branch.Nodes[1].Inputs, Is.EqualTo(new[] { "c", "l" }));
        Assert.That(body.Initializers.Keys, Is.EqualTo(new[] { "c" }));
        Assert.That(body.Nodes[0].Inputs, Is.EqualTo(new[] { "first_x", "c" }));
    }

    [Test]
    public void WhatLoopsInBranchesRead_IsRenamedThereToo()
    {
        var graph = new OnnxGraph();
        graph.AddInitializer(OnnxTensor.Create<float>("a", [2], [1, 2]));
        graph.AddInitializer(OnnxTensor.Create<float>("b", [2], [1, 2]));
        var (body, branch) = (Body("first", "c", 3, 4), new OnnxGraph());
        body.Nodes[0].Inputs[1] = "b";
        branch.Nodes.Add(Loop("first", body));
        graph.Nodes.Add(new("If", ["is"], ["y"], OnnxAttribute.Of("then_branch", branch)));
        SharedConstants.Apply(graph);
        Assert.That(graph.Initializers.Keys, Is.EqualTo(new[] { "a" }));
        Assert.That(body.Nodes[0].Inputs, Is.EqualTo(new[] { "first_x", "a" }));
    }

    private static OnnxGraph Body(string name, string constant, params float[] values)
    {
        var body = new OnnxGraph();
        body.Inputs.Add(new OnnxValueInfo($"{name}_x", OnnxElementType.Float, [values.Length]));
        body.AddInitializer(OnnxTensor.Create<float>(constant, [values.Length], values));
        body.AddNode("Add", [$"{name}_x", constant], $"{name}_y");
        body.Outputs.Add(new OnnxValueInfo($"{name}_y", OnnxElementType.Float, [values.Length]));
        return body;
    }

    private static OnnxNode Loop(string name, OnnxGraph body) =>
        new("Loop", ["trips", "", "x"], [$"{name}_result"], OnnxAttribute.Of("body", body));
}
