using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Tests.Support;
using TorchSharp;

namespace DiffeoNN.Onnx.Training.Tests;

/// <summary>Which weights are taken, what comes out again, and what does not fit.</summary>
public sealed class NetworkTests
{
    [Test]
    public void Selections_ChooseWeights()
    {
        string[] Chosen(WeightSelection? selection)
        {
            using var network = new TrainableNetwork(SmallNetworks.Mixed(), selection);
            return [.. network.Weights];
        }

        Assert.Multiple(() =>
        {
            Assert.That(Chosen(null), Has.Length.EqualTo(15));
            Assert.That(Chosen(WeightSelection.LastLayers(1)), Is.EqualTo(new[] { "g.w", "g.b" }));
            Assert.That(Chosen(WeightSelection.LastLayers(5)), Is.EqualTo(
                new[] { "c.w", "c.b", "m.w", "m.b", "d.w", "e.w", "e.b", "f.w", "g.w", "g.b" }));
            Assert.That(Chosen(WeightSelection.LastLayers(99)), Has.Length.EqualTo(15));
            Assert.That(Chosen(WeightSelection.Matching("*.b", "d.w")), Is.EqualTo(
                new[] { "a.b", "n.b", "c.b", "m.b", "d.w", "e.b", "g.b" }));
            Assert.That(Chosen(WeightSelection.LastLayers(2).Except("*.b")), Is.EqualTo(new[] { "f.w", "g.w" }));
        });
    }

    [Test]
    public void UnknownWeights_AreNamed()
    {
        var model = SmallNetworks.Linear(3);
        Assert.That(() => new TrainableNetwork(model, WeightSelection.Matching("w", "v*")),
            Throws.TypeOf<TrainingException>().With.Message.EqualTo("No weight of 'linear' matches 'v*'. Weights: w."));
        Assert.That(() => new TrainableNetwork(model, WeightSelection.All.Except("*")),
            Throws.TypeOf<TrainingException>().With.Message.EqualTo("No weight of 'linear' is left to train. Weights: w."));
        using var network = new TrainableNetwork(model);
        Assert.That(() => network["v"],
            Throws.TypeOf<TrainingException>().With.Message.EqualTo("Network 'linear' trains no weight 'v'. It trains: w."));
        model.Graph.Initializers.Clear();
        model.Graph.Inputs.Add(new OnnxValueInfo("w", OnnxElementType.Float, [3L, 1L]));
        Assert.That(() => new TrainableNetwork(model), Throws.TypeOf<TrainingException>().With.Message.EqualTo(
            "Network 'linear' has no float32 initialiser of rank 1 or more, so there is nothing to train."));
    }

    [Test]
    public void UntrainedNetwork_ComesOutAsItWentIn()
    {
        var model = SmallNetworks.Mixed();
        using var network = new TrainableNetwork(model);
        Assert.That(network.ToModel().ToBytes(), Is.EqualTo(model.ToBytes()));
    }

    [Test]
    public void TrainedNetwork_KeepsItsMetadataAndComputesWhatTheObjectiveDid()
    {
        using var folder = new TemporaryFolder();
        using var network = new TrainableNetwork(SmallNetworks.Mixed(), WeightSelection.LastLayers(3));
        using var objective = SmallNetworks.Classes(network, "N", 2L, SmallNetworks.Size, SmallNetworks.Size);
        using var trainer = new Trainer(network, new TrainerOptions { LearningRate = 0.01 });
        using var scope = torch.NewDisposeScope();
        torch.manual_seed(7);
        var data = new Dictionary<string, torch.Tensor>
        {
            ["image"] = torch.randn(4, 2, SmallNetworks.Size, SmallNetworks.Size), ["labels"] = torch.tensor(new long[] { 0, 1, 2, 1 }),
        };
        for (var i = 0; i < 5; i++)
            trainer.Step([new TrainingBatch(objective, data)]);
        trainer.ToModel(network).Save(folder["trained.onnx"]);

        var trained = OnnxModel.Load(folder["trained.onnx"]);
        using var graph = TestSetup.Engine.Load(folder["trained.onnx"]);
        var logits = graph.Run(new Dictionary<string, torch.Tensor> { ["image"] = data["image"] })["logits"];

        Assert.Multiple(() =>
        {
            Assert.That(trained.Metadata["origin"], Is.EqualTo("a test"));
            Assert.That((trained.ProducerName, trained.Opset, trained.Graph.Name), Is.EqualTo(("test", 21, "mixed")));
            Assert.That(trained.Graph.Initializers["a.w"].ToArray<float>(),
                Is.EqualTo(SmallNetworks.Mixed().Graph.Initializers["a.w"].ToArray<float>()));
            Assert.That(torch.nn.functional.cross_entropy(logits, data["labels"]).item<float>(),
                Is.EqualTo(objective.Evaluate(data).Loss).Within(1e-5));
        });
    }

    [Test]
    public void FewImages_AreLearnt()
    {
        // A network learns to tell eight images of noise apart.
        using var network = new TrainableNetwork(OnnxModel.Load(Path.Combine(Repository.Bundle("genus"), "inner.onnx")));
        var shape = network.Inputs[0].Shape!;
        using var objective = SmallNetworks.Classes(network, [.. shape]);
        var options = new TrainerOptions { LearningRate = 3e-3, Schedule = LearningRateSchedule.Cosine(120, 5) };
        using var trainer = new Trainer(network, options);
        using var scope = torch.NewDisposeScope();
        torch.manual_seed(8);
        var data = new Dictionary<string, torch.Tensor>
        {
            ["image"] = torch.rand(8, 1, shape[2].Size!.Value, shape[3].Size!.Value),
            ["labels"] = torch.tensor(new long[] { 0, 1, 2, 0, 1, 2, 2, 0 }),
        };
        var first = objective.Evaluate(data).Loss;
        while (trainer.Steps < 120)
            trainer.Step([new TrainingBatch(objective, data)]);

        Assert.That(first, Is.GreaterThan(0.9));
        Assert.That(objective.Evaluate(data).Loss, Is.LessThan(0.02));
    }

    [Test]
    public void WhatDoesNotFit_IsRefused()
    {
        using var network = new TrainableNetwork(SmallNetworks.Linear(3));
        using var same = new TrainableNetwork(SmallNetworks.Linear(3));
        using var mixed = new TrainableNetwork(SmallNetworks.Mixed());
        static void Refuse(Action action, string message) =>
            Assert.That(action, Throws.TypeOf<TrainingException>().With.Message.EqualTo(message));
        var builder = new ObjectiveBuilder("loss");
        var inputs = new Dictionary<string, string> { ["x"] = builder.Input("x", "N", 3L) };
        Refuse(() => builder.Input("x"), "Objective 'loss' has an input 'x' already; choose another name.");
        Refuse(() => builder.Add(network, new Dictionary<string, string>()),
            "Network 'linear' needs a value for its inputs 'x' float32 [N,3].");
        Refuse(() => builder.Add(network, new Dictionary<string, string> { ["X"] = "x", ["image"] = "x" }),
            "Network 'linear' needs a value for its inputs 'x' float32 [N,3]; given, and not known to it: 'X', 'image'.");
        builder.Add(network, inputs);
        Refuse(() => builder.Add(same, inputs), "Objective 'loss' has another network 'linear' already; give one of them another name.");
        Refuse(() => builder.AddFrozen(network, inputs),
            "Objective 'loss' has network 'linear' both trained and frozen; use two objectives.");
        Refuse(() => builder.Add(mixed, inputs),
            "Network 'mixed' uses operator set 21, objective 'loss' has 18; make the builder with opset: 21.");
        Refuse(() => builder.Build(TestSetup.Engine), "Objective 'loss' has no term with a weight; add one by Term.");
        builder.Term("mean", builder.Mean("x"));
        Refuse(() => builder.Term("mean", "x"), "Objective 'loss' has a term 'mean' already; choose another name.");
        Refuse(() => builder.Build(TestSetup.Engine), "The loss of objective 'loss' depends on no weight that is trained.");
        Refuse(() => _ = new Trainer([network, same]), "Networks 'linear', 'linear' meet in one trainer; give each a name of its own.");
        using var objective = SmallNetworks.Squares(network, 3);
        using var trainer = new Trainer(mixed);
        Refuse(() => trainer.Step([new TrainingBatch(objective, new Dictionary<string, torch.Tensor>())]),
            "Network 'linear' is not this trainer's. It trains: 'mixed'.");
        Refuse(() => trainer.Step([]), "Step 1 has no data; expected at least one part.");
        Refuse(() => trainer.ToModel(mixed, averaged: true), "No averages are kept; set AverageDecay above 0.");
    }

    [Test]
    public void Disposal_LeavesNoTensor()
    {
        // What other tests left to the collector is not to go meanwhile.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var tensors = LiveTensors.Settled();
        using (var training = new Interruptible())
        {
            training.Trainer.Run(training, 3);
            Assert.That(torch.Tensor.TotalCount, Is.GreaterThan(tensors));
        }

        Assert.That(torch.Tensor.TotalCount, Is.EqualTo(tensors));
    }

    [Test]
    public void DisposedNetwork_IsNotRead()
    {
        var network = new TrainableNetwork(SmallNetworks.Linear(3));
        using var objective = SmallNetworks.Squares(network, 3);
        network.Dispose();
        using var x = torch.ones(1, 3);
        using var target = torch.ones(1, 1);
        Assert.That(() => objective.Evaluate(new Dictionary<string, torch.Tensor> { ["x"] = x, ["target"] = target }),
            Throws.TypeOf<ObjectDisposedException>());
    }
}
