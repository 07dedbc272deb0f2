using System.Diagnostics;
using System.Security.Cryptography;
using DiffeoNN.Onnx.RandomNumbers;
using TorchSharp;

namespace DiffeoNN.Onnx.Training.Tests;

/// <summary>A training that tests interrupt, and this assembly's entry point, which runs it in a process of its own.</summary>
internal sealed class Interruptible : ITrainingData, IDisposable
{
    private readonly TrainableNetwork _network = new(SmallNetworks.Mixed());
    private readonly Objective _objective;

    public Interruptible()
    {
        _objective = SmallNetworks.Classes(_network, "N", 2L, SmallNetworks.Size, SmallNetworks.Size);
        Trainer = new Trainer(_network, new TrainerOptions
        {
            LearningRate = 0.01, Schedule = LearningRateSchedule.Cosine(60, 5), WeightDecay = 0.01, GradientNorm = 1, AverageDecay = 0.9,
        });
    }

    public Trainer Trainer { get; }

    /// <summary>Hash of the weights after all steps at once.</summary>
    public static string Unbroken(int steps)
    {
        using var training = new Interruptible();
        training.Trainer.Run(training, steps);
        return training.Hash();
    }

    /// <summary>Arguments: steps, checkpoint. Prints "restored", a line a step, and the hash.</summary>
    public static int Main(string[] arguments)
    {
        using var training = new Interruptible();
        if (File.Exists(arguments[1]))
        {
            training.Trainer.Restore(arguments[1]);
            Console.WriteLine("restored");
        }

        training.Run(int.Parse(arguments[0]), arguments[1], 1, report => Console.WriteLine(report.Step), CancellationToken.None);
        Console.WriteLine(training.Hash());
        return 0;
    }

    /// <summary>Starts this assembly's <see cref="Main"/>.</summary>
    public static Process Start(int steps, string checkpoint)
    {
        var runtime = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        var host = Path.GetFullPath(Path.Combine(runtime, "..", "..", "..", OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet"));
        return Process.Start(new ProcessStartInfo(host, [typeof(Interruptible).Assembly.Location, $"{steps}", checkpoint])
            { RedirectStandardOutput = true })!;
    }

    public void Run(int steps, string checkpoint, int every, Action<StepReport> progress, CancellationToken cancellationToken) =>
        Trainer.Run(this, steps, new CheckpointOptions(checkpoint, every), new Listener(progress), cancellationToken);

    public IReadOnlyList<TrainingBatch> Next(int step, SplitMix64 random)
    {
        TrainingBatch Batch(double weight)
        {
            var pixels = Enumerable.Range(0, 4 * 2 * SmallNetworks.Size * SmallNetworks.Size).Select(_ => (float)random.Normal()).ToArray();
            var labels = Enumerable.Range(0, 4).Select(_ => (long)(random.Next() % 3)).ToArray();
            return new TrainingBatch(_objective, new Dictionary<string, torch.Tensor>
            {
                ["image"] = torch.tensor(pixels).reshape(4, 2, SmallNetworks.Size, SmallNetworks.Size), ["labels"] = torch.tensor(labels),
            }, weight);
        }

        return [Batch(1), Batch(0.5)];
    }

    /// <summary>Of the weights and their averages.</summary>
    public string Hash() => string.Concat(new[] { false, true }.Select(averaged => Convert.ToHexString(SHA256.HashData(
        Trainer.ToModel(_network, averaged).ToBytes()))));

    public void Dispose()
    {
        Trainer.Dispose();
        _objective.Dispose();
        _network.Dispose();
    }

    private sealed class Listener(Action<StepReport> report) : IProgress<StepReport>
    {
        public void Report(StepReport value) => report(value);
    }
}
