using System.Diagnostics;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Tests.Support;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Execution;

public sealed class OrtGraphTests
{
    [Test]
    public void Load_DescribesInputsAndOutputs()
    {
        using var graph = Graphs.Load("scale");

        Assert.That(graph.Name, Is.EqualTo("scale.onnx"));
        Assert.That(graph.Inputs.Select(input => input.ToString()), Is.EqualTo(new[] { "'image' float32 [N,1,4,4]" }));
        Assert.That(graph.Outputs.Select(output => output.ToString()),
            Is.EqualTo(new[] { "'scaled' float32 [N,1,4,4]", "'mean' float32 [N]" }));
    }

    [Test]
    public void Run_WithAnyBatch_WritesIntoReturnedTensors([Values(1, 3)] int batch)
    {
        using var scope = torch.NewDisposeScope();
        using var graph = Graphs.Load("scale");
        var image = torch.arange(batch * 16, torch.float32).reshape(batch, 1, 4, 4);
        var before = image.clone();
        var outputs = graph.Run(Graphs.Inputs(("image", image)));

        Assert.That(outputs["scaled"].shape, Is.EqualTo(new long[] { batch, 1, 4, 4 }));
        Assert.That(outputs["scaled"].Equals(2 * before + 1), Is.True);
        Assert.That(outputs["mean"].allclose((2 * before + 1).mean([1, 2, 3])), Is.True);
        Assert.That(image.Equals(before), Is.True, "the input is left as it was");
        Assert.That(((OrtGraph)graph).CopiedOutputs, Is.Zero);
    }

    [Test]
    public void Run_OfPartOfAnotherTensor_ReadsThatPart()
    {
        using var scope = torch.NewDisposeScope();
        using var graph = Graphs.Load("scale");
        var images = torch.arange(48, torch.float32).reshape(3, 1, 4, 4);

        var outputs = graph.Run(Graphs.Inputs(("image", images[1..2])));

        Assert.That(outputs["scaled"].Equals(2 * images[1..2] + 1), Is.True);
    }

    [Test]
    public void Run_OfChosenOutputs_ReturnsThoseAlone()
    {
        using var scope = torch.NewDisposeScope();
        using var graph = Graphs.Load("scale");
        var image = Graphs.Inputs(("image", torch.zeros(2, 1, 4, 4)));

        Assert.That(graph.Run(image, ["mean"]).Keys, Is.EqualTo(new[] { "mean" }));
        Assert.That(() => graph.Run(image, ["median"]), Throws.TypeOf<GraphException>().With.Message.EqualTo(
            "Model 'scale.onnx' has no output 'median'. Outputs: 'scaled' float32 [N,1,4,4]; 'mean' float32 [N]."));
    }

    [Test]
    public void Run_WithOutputOfUnknownShape_CopiesThatOneOnce()
    {
        using var scope = torch.NewDisposeScope();
        using var graph = Graphs.Load("nonzero");
        var outputs = graph.Run(Graphs.Inputs(("x", torch.tensor(new float[] { 0, 5, 0, -2 }))));

        Assert.That(outputs["places"].data<long>().ToArray(), Is.EqualTo(new long[] { 1, 3 }));
        Assert.That(outputs["places"].shape, Is.EqualTo(new long[] { 1, 2 }));
        Assert.That(outputs["negative"].data<float>().ToArray(), Is.EqualTo(new float[] { 0, -5, 0, 2 }));
        Assert.That(((OrtGraph)graph).CopiedOutputs, Is.EqualTo(1));
    }

    [Test]
    public void Run_WithNothingFound_ReturnsAnEmptyTensor()
    {
        using var scope = torch.NewDisposeScope();
        using var graph = Graphs.Load("nonzero");

        Assert.That(graph.Run(Graphs.Inputs(("x", torch.zeros(4))))["places"].shape, Is.EqualTo(new long[] { 1, 0 }));
    }

    [Test]
    public void Run_WithEmptyBatch_ReturnsEmptyTensors()
    {
        using var scope = torch.NewDisposeScope();
        using var graph = Graphs.Load("scale");

        Assert.That(graph.Run(Graphs.Inputs(("image", torch.zeros(0, 1, 4, 4))), ["scaled"])["scaled"].shape,
            Is.EqualTo(new long[] { 0, 1, 4, 4 }));
    }

    [Test]
    public void Run_KeepsEveryElementType()
    {
        using var scope = torch.NewDisposeScope();
        using var graph = Graphs.Load("types");
        var values = torch.tensor(new[] { 0.0, 1.0, 2.5 }, torch.float64);
        var inputs = graph.Inputs.ToDictionary(input => input.Name, input => values.to(input.Type));
        var outputs = graph.Run(inputs);

        Assert.That(outputs, Has.Count.EqualTo(7));
        foreach (var (name, tensor) in inputs)
        {
            Assert.That(outputs[$"{name}_out"].dtype, Is.EqualTo(tensor.dtype), name);
            Assert.That(outputs[$"{name}_out"].Equals(tensor), Is.True, name);
        }
    }

    [Test]
    public void Run_TwiceAndInAnotherSession_GivesTheSameBits()
    {
        using var scope = torch.NewDisposeScope();
        using var first = Graphs.Load("network");
        using var second = Graphs.Load("network");
        var inputs = Graphs.Inputs(("image", torch.rand([2, 1, 96, 80], generator: new torch.Generator(1))));
        var reference = first.Run(inputs);

        foreach (var outputs in new[] { first.Run(inputs), second.Run(inputs) })
        {
            foreach (var (name, tensor) in outputs)
                Assert.That(tensor.bytes.SequenceEqual(reference[name].bytes), Is.True, name);
        }
    }

    [Test]
    public void Run_WhenCancelled_StopsSoonAndAloneStops()
    {
        using var scope = torch.NewDisposeScope();
        using var graph = Graphs.Load("loop");
        var x = torch.ones(8);
        var forever = Graphs.Inputs(("x", x), ("rounds", torch.tensor(long.MaxValue)));
        var brief = Graphs.Inputs(("x", x), ("rounds", torch.tensor(2000L)));
        using var cancellation = new CancellationTokenSource(TimeSpan.FromMilliseconds(100));
        var others = Task.Run(() =>
        {
            for (var i = 0; i < 20; i++)
                foreach (var tensor in graph.Run(brief).Values) tensor.Dispose();
        });
        var clock = Stopwatch.StartNew();

        Assert.That(() => graph.Run(forever, cancellationToken: cancellation.Token), Throws.InstanceOf<OperationCanceledException>());

        Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(10)));
        Assert.That(() => others.Wait(TimeSpan.FromSeconds(30)), Is.True, "runs without that token go on");
        Assert.That(graph.Run(brief)["y"].shape, Is.EqualTo(new long[] { 8 }), "and the graph still works");
    }

    [Test]
    public void Run_WithCancelledToken_DoesNotStart()
    {
        using var graph = Graphs.Load("loop");
        Assert.That(() => graph.Run(new Dictionary<string, torch.Tensor>(), cancellationToken: new CancellationToken(true)),
            Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public void Run_ThatFails_NamesTheModelAndLeavesNoTensor()
    {
        using var graph = Graphs.Load("reshape");
        using var x = torch.ones(5);
        using var shape = torch.tensor(new long[] { 2, 2 });
        var alive = LiveTensors.Settled();

        Assert.That(() => graph.Run(Graphs.Inputs(("x", x), ("shape", shape))),
            Throws.TypeOf<GraphException>().With.Message.StartsWith("Model 'reshape.onnx' failed: ").And.Message.Not.Contains("\n"));
        Assert.That(torch.Tensor.TotalCount, Is.EqualTo(alive));
    }

    [Test]
    public void Dispose_EndsTheGraph()
    {
        var graph = Graphs.Load("scale");
        graph.Dispose();
        graph.Dispose();

        using var image = torch.zeros(1, 1, 4, 4);
        Assert.That(() => graph.Run(Graphs.Inputs(("image", image))), Throws.TypeOf<ObjectDisposedException>());
    }

    [Test]
    public void ManyRuns_KeepMemoryAndTensorsConstant()
    {
        using var graph = Graphs.Load("network");
        using var image = torch.rand([2, 1, 256, 256]);
        var inputs = Graphs.Inputs(("image", image));
        Repeat(30);
        var resident = Resident();
        var alive = LiveTensors.Settled();
        Repeat(120);

        Assert.That(torch.Tensor.TotalCount, Is.EqualTo(alive));
        // Each run returns half a megabyte: a leak of the output alone would show as 60.
        Assert.That(Resident() - resident, Is.LessThan(15 << 20), "growth of resident memory in bytes");

        void Repeat(int count)
        {
            for (var i = 0; i < count; i++)
                foreach (var tensor in graph.Run(inputs).Values) tensor.Dispose();
        }
    }

    private static long Resident()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        using var process = Process.GetCurrentProcess();
        return process.WorkingSet64;
    }
}
