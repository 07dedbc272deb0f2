using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.RandomNumbers;
using TorchSharp;

namespace DiffeoNN.Onnx.Training.Tests;

/// <summary>The example of the assembly's README: it stands there as it stands here, and it learns.</summary>
[NonParallelizable]
public sealed class ReadmeTests
{
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
    public void Example_StandsInTheReadme()
    {
        var readme = File.ReadAllText(Path.Combine(Repository.Root, "src", "DiffeoNN.Onnx.Training", "README.md"));
        var source = File.ReadAllText(
            Path.Combine(Repository.Root, "tests", "DiffeoNN.Onnx.Training.Tests", "ReadmeTests.cs")).ReplaceLineEndings("\n");
        var blocks = readme.ReplaceLineEndings("\n").Split("```csharp\n").Skip(1).Select(b => b.Split("```")[0]).ToList();
        Assert.That(blocks, Has.Count.EqualTo(2));
        foreach (var block in blocks)
        {
            var lines = block.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Trim()).Distinct();
            Assert.That(source.Split('\n').Select(line => line.Trim()).ToHashSet(), Is.SupersetOf(lines));
        }
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
