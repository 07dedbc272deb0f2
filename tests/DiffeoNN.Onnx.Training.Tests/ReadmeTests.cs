using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.RandomNumbers;
using DiffeoNN.Onnx.Training.Architectures;
using DiffeoNN.Onnx.Training.Fitting;
using TorchSharp;

namespace DiffeoNN.Onnx.Training.Tests;

/// <summary>The examples of the assembly's README: they stand there as they stand here, and they learn.</summary>
[NonParallelizable]
public sealed class ReadmeTests
{
    /// <summary>What this file need not say.</summary>
    private const string OwnNamespace = "using DiffeoNN.Onnx.Training;";

    [Test]
    public void Example_PutsATunedNetworkIntoABundle()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["my-bundle"]);
        foreach (var file in Directory.GetFiles(Repository.Bundle("genus")))
            File.Copy(file, Path.Combine(folder["my-bundle"], Path.GetFileName(file)));
        using (var network = new TrainableNetwork(OnnxModel.Load(folder["my-bundle/inner.onnx"]), WeightSelection.LastLayers(1)))
        {
            network[network.Weights[0]].mul_(2);
            network.ToModel().Save(folder["tuned.onnx"]);
        }

        File.Copy(folder["tuned.onnx"], folder["my-bundle/inner.onnx"], overwrite: true);
        Assert.That(() => Bundle.Load(folder["my-bundle"]), Throws.TypeOf<BundleException>().With.Message.Contains("SHA-256"));
        var before = Environment.CurrentDirectory;
        Environment.CurrentDirectory = folder.Path;
        try
        {
            var manifest = BundleManifest.Load("my-bundle/diffeonn.json");
            new BundleBuilder("my-bundle").Add("tuned.onnx", "inner.onnx").Build(manifest with { References = [] });
        }
        finally
        {
            Environment.CurrentDirectory = before;
        }

        Assert.That(Bundle.Load(folder["my-bundle"]).Manifest.Models.Inner.Sha256, Is.EqualTo(Bundle.Hash(folder["tuned.onnx"])));
    }

    [Test]
    public void Example_TunesTheLastLayersOfANetwork()
    {
        using var folder = new TemporaryFolder();
        File.Copy(Path.Combine(Repository.Bundle("genus"), "inner.onnx"), folder["inner.onnx"]);
        var before = Environment.CurrentDirectory;
        Environment.CurrentDirectory = folder.Path;
        try
        {
            Tune();
        }
        finally
        {
            Environment.CurrentDirectory = before;
        }

        Assert.That(folder.Files(), Is.EqualTo(new[] { "inner.onnx", "training.state", "tuned.onnx" }));
        Assert.That(Loss(folder["tuned.onnx"]), Is.LessThan(0.5 * Loss(folder["inner.onnx"])));
    }

    [Test]
    public void Example_TrainsAProposer()
    {
        using var folder = new TemporaryFolder();
        Shapes.Inner(3, 50, 70).Save(folder["inner.onnx"]);
        using var images = Shapes.Draw(32, 3, 50, 70, 1);
        var before = Environment.CurrentDirectory;
        Environment.CurrentDirectory = folder.Path;
        try
        {
            Propose(images);
        }
        finally
        {
            Environment.CurrentDirectory = before;
        }

        using var graph = TestSetup.Engine.Load(folder["proposer.onnx"]);
        using var scope = torch.NewDisposeScope();
        var velocity = graph.Run(new Dictionary<string, torch.Tensor> { ["image"] = images })["velocity"];
        Assert.That(velocity.abs().max().item<float>(), Is.InRange(1e-3, 1));
    }

    [Test]
    public void Example_StandsInTheReadme()
    {
        var readme = File.ReadAllText(Path.Combine(Repository.Root, "src", "DiffeoNN.Onnx.Training", "README.md"));
        var source = File.ReadAllText(
            Path.Combine(Repository.Root, "tests", "DiffeoNN.Onnx.Training.Tests", "ReadmeTests.cs")).ReplaceLineEndings("\n");
        var blocks = readme.ReplaceLineEndings("\n").Split("```csharp\n").Skip(1).Select(b => b.Split("```")[0]).ToList();
        Assert.That(blocks, Has.Count.EqualTo(4));
        Assert.That(blocks[0], Does.StartWith("using ").And.Contain(OwnNamespace), "whoever starts with it knows no namespaces");
        foreach (var block in blocks)
        {
            var lines = block.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Trim()).Distinct();
            Assert.That(source.Split('\n').Select(line => line.Trim()).Append(OwnNamespace).ToHashSet(), Is.SupersetOf(lines));
        }
    }

    private static void Propose(torch.Tensor images)
    {
        var engine = new OnnxRuntimeEngine();
        const int steps = 30; // in earnest some thousands
        var architecture = ProposerArchitecture.For(channels: 3, height: 50, width: 70);
        using var proposer = new TrainableNetwork(architecture.Create(seed: 1), Architecture.Weights);
        var task = new InnerTask(OnnxModel.Load("inner.onnx"), InnerAnswer.Logits);
        using var recipe = new ProposerRecipe(engine, proposer, new TrainingImages(images), task: task);
        using var trainer = new Trainer(proposer, ProposerRecipe.Training(steps));
        using var data = new PrefetchedData(recipe, trainer.Options.Seed);
        trainer.Run(data, steps, new CheckpointOptions("proposer.state", Every: 100));
        trainer.ToModel(proposer).Save("proposer.onnx");
    }

    private static void Tune()
    {
        var engine = new OnnxRuntimeEngine();
        using var network = new TrainableNetwork(OnnxModel.Load("inner.onnx"), WeightSelection.LastLayers(2));

        // The loss is a graph: the network, joined to what compares its answer.
        var builder = new ObjectiveBuilder("classes");
        var image = builder.Input("image", "N", 1L, 56L, 56L);
        var logits = builder.Add(network, new Dictionary<string, string> { ["image"] = image })["logits"];
        builder.Term("entropy", builder.CrossEntropy(logits, builder.Input("labels", OnnxElementType.Int64, "N")));
        using var objective = builder.Build(engine);

        using var trainer = new Trainer(network, new TrainerOptions
        {
            LearningRate = 1e-3, Schedule = LearningRateSchedule.Cosine(steps: 100, warmUp: 5), GradientNorm = 1, AverageDecay = 0.95,
        });
        trainer.Run(new Batches(objective), steps: 100, new CheckpointOptions("training.state", Every: 25));
        trainer.ToModel(network, averaged: true).Save("tuned.onnx");
    }

    private static double Loss(string path)
    {
        using var network = new TrainableNetwork(OnnxModel.Load(path));
        using var objective = SmallNetworks.Classes(network, "N", 1L, 56L, 56L);
        using var scope = torch.NewDisposeScope();
        return objective.Evaluate(new Batches(objective).Next(0, new SplitMix64(99))[0].Data).Loss;
    }

    internal sealed class Batches(Objective objective) : ITrainingData
    {
        public IReadOnlyList<TrainingBatch> Next(int step, SplitMix64 random)
        {
            // Images of noise, brighter for higher classes; yours come from files.
            long[] labels = [.. Enumerable.Range(0, 8).Select(_ => (long)(random.Next() % 3))];
            float[] pixels = [.. labels.SelectMany(label =>
                Enumerable.Range(0, 56 * 56).Select(_ => (float)random.Uniform(0, 0.2 + (0.4 * label))))];
            return [new TrainingBatch(objective, new Dictionary<string, torch.Tensor>
            {
                ["image"] = torch.tensor(pixels).reshape(8, 1, 56, 56), ["labels"] = torch.tensor(labels),
            })];
        }
    }
}
