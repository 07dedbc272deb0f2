using System.Diagnostics;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Native;
using Microsoft.ML.OnnxRuntime;
using Mono.Cecil;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Execution;

/// <summary>Sessions: made in one place, on one pool of threads, with weights that several share.</summary>
public sealed class SessionFactoryTests
{
    private static readonly OnnxRuntimeEngine Engine = new(new ExecutionOptions { Device = ExecutionDevice.Cpu });

    [Test]
    public void Sessions_AreMadeInOnePlace()
    {
        using var module = ModuleDefinition.ReadModule(typeof(OnnxRuntimeEngine).Assembly.Location);
        var makers = module.GetTypes().Where(type => type.Methods.Where(method => method.HasBody).Any(
            method => method.Body.Instructions.Any(
            instruction => instruction.Operand is MethodReference { Name: ".ctor", DeclaringType.Name: nameof(InferenceSession) })));
        Assert.That(makers.Select(type => type.FullName.Split('/')[0]).Distinct(), Is.EqualTo(new[] { typeof(SessionFactory).FullName }));
    }

    [Test]
    public void Sessions_OfThePoolsSize_StartNoThreadsOfTheirOwn()
    {
        Runtime.Initialise();
        var pool = OrtEnvironment.PoolThreads;
        if (pool == 0) Assert.Ignore("somebody else made ONNX Runtime's environment");
        const int count = 20;
        var factory = new SessionFactory(DeviceSelection.Cpu, new CoreBudget(pool));
        using var process = Process.GetCurrentProcess();
        var before = process.Threads.Count;
        var sessions = Enumerable.Range(0, count).Select(i => factory.Open(Graphs.Path("network.onnx"), $"network {i}")).ToList();
        process.Refresh();
        var made = process.Threads.Count - before;
        sessions.ForEach(session => session.Dispose());
        Assert.That(made, Is.LessThan(count / 2), "one of its own each, on two cores, would be as many as sessions");
    }

    /// <summary>What a bundle's networks compute in, one after the other, is as much as the largest of them needs.</summary>
    [Test]
    public void Sessions_ThatRunInTurn_ComputeInTheSameMemory()
    {
        Runtime.Initialise();
        if (!OrtEnvironment.SharesMemory) Assert.Ignore("somebody else made ONNX Runtime's environment");
        const int count = 6, megabytes = 64;
        // The first value is read again at the end, so that it and others are alive at once.
        var model = new OnnxModel { OpsetImports = { [""] = 17 } };
        model.Graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, [1]));
        var size = model.Graph.AddInitializer(OnnxTensor.Int64s("size", megabytes << 18));
        var large = model.Graph.AddNode("Sin", [model.Graph.AddNode("Expand", ["x", size], "large")], "sine");
        var sum = model.Graph.AddNode("Mul", [model.Graph.AddNode("Cos", [large], "cosine"), large], "product");
        model.Graph.AddNode("ReduceMax", [sum], "y");
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, [1]));
        using var x = torch.ones(1);
        var graphs = Enumerable.Range(0, count).Select(i => Engine.Load(model, $"large {i}")).ToList();
        try
        {
            Run(graphs[0]);
            var before = Resident();
            foreach (var graph in graphs.Skip(1)) Run(graph);
            Assert.That(
                (Resident() - before) >> 20, Is.LessThan(megabytes),
                "megabytes more for five further sessions, each of which computes in more than that");
        }
        finally
        {
            graphs.ForEach(graph => graph.Dispose());
        }

        void Run(IGraph graph)
        {
            using var y = graph.Run(new Dictionary<string, torch.Tensor> { ["x"] = x })["y"];
            Assert.That(y.item<float>(), Is.EqualTo(Math.Sin(1) * Math.Cos(Math.Sin(1))).Within(1e-6));
        }

        static long Resident()
        {
            using var process = Process.GetCurrentProcess();
            return process.WorkingSet64;
        }
    }

    /// <summary>The shared memory is what both sessions compute with: the gradient graph's weights are those of the value graph.</summary>
    [Test]
    public void SharedWeights_GiveWhatWeightsOfTheirOwnGive()
    {
        using var scope = torch.NewDisposeScope();
        var composed = EnergyComposer.Compose(Bundle.Load(Repository.Bundle("shapes")));
        using var shared = new SharedWeights(composed.ValueModel);
        Assert.That(shared.Sizes.Values.Sum(), Is.GreaterThan(1_000_000), "nearly all weights of the networks");
        var image = torch.rand([2, 1, 128, 128], generator: new torch.Generator(5));
        foreach (var model in new[] { composed.Model, composed.ValueModel })
        {
            using var own = Engine.Load(model, "own");
            using var sharing = Engine.Load(model, "sharing", shared);
            var inputs = composed.WeightInputs.ToDictionary(pair => pair.Key, pair => torch.tensor((float)pair.Value));
            inputs[EnergyComposer.Input] = image;
            var (expected, found) = (own.Run(inputs), sharing.Run(inputs));
            foreach (var (name, value) in expected) Assert.That(found[name].Equals(value), Is.True, name);
        }
    }

    [Test]
    public void SharedWeights_OfOtherValue_AreNotTaken()
    {
        var one = Scaled(1);
        using var shared = new SharedWeights(one);
        using var scope = torch.NewDisposeScope();
        using var other = Engine.Load(Scaled(3), "other", shared);
        Assert.That(other.Run(new Dictionary<string, torch.Tensor> { ["x"] = torch.ones(512) })["y"].sum().item<float>(), Is.EqualTo(1536));

        static OnnxModel Scaled(float factor)
        {
            var model = new OnnxModel();
            model.OpsetImports[""] = 17;
            model.Graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, [512]));
            model.Graph.AddInitializer(OnnxTensor.Create<float>("w", [512], [.. Enumerable.Repeat(factor, 512)]));
            model.Graph.AddNode("Mul", ["x", "w"], "y");
            model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, [512]));
            return model;
        }
    }
}
