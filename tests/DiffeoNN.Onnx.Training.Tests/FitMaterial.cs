using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Diagnostics.Reading;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Training.Fit;
using DiffeoNN.Onnx.Training.Fitting;

namespace DiffeoNN.Onnx.Training.Tests;

/// <summary>Images in memory, as a fit takes them.</summary>
/// <param name="images">The images.</param>
internal sealed class FitMaterial(IReadOnlyList<ImageBuffer> images) : IEvaluationData
{
    public const int Height = 16;
    public const int Width = 20;

    public string Name => "material";

    public string? Split { get; init; }

    public string? Source => null;

    public int Count => images.Count;

    /// <summary>What is true of an image; null for nothing.</summary>
    public Func<EvaluationSample, EvaluationSample>? Truth { get; init; }

    public EvaluationSample Read(int index)
    {
        var sample = new EvaluationSample($"image {index}", images[index].Clone(), null, null);
        return Truth?.Invoke(sample) ?? sample;
    }

    /// <summary>Crosses above bars, grey.</summary>
    public static FitMaterial Crosses(
        int count, ulong seed = 1, string? split = null, Func<EvaluationSample, EvaluationSample>? truth = null)
    {
        using var pixels = Shapes.Draw(count, 1, Height, Width, seed);
        var values = pixels.data<float>().ToArray();
        return new FitMaterial([.. values.Chunk(Height * Width).Select(own => new ImageBuffer(1, Height, Width, own))])
        {
            Split = split, Truth = truth,
        };
    }

    /// <summary>What its file says of the network that tells ink from background.</summary>
    public static NetworkReading Network(string folder)
    {
        var path = Path.Combine(folder, "ink.onnx");
        Shapes.Inner(1, Height, Width).Save(path);
        return NetworkReading.Of(path);
    }

    /// <summary>A few steps of everything; no limit of time is ever reached.</summary>
    public static FitOptions Small(params int[] rounds) => new()
    {
        Time = TimeSpan.FromHours(1),
        Seed = 3,
        Execution = new ExecutionOptions { Device = ExecutionDevice.Cpu, Threads = 2 },
        Sampling = new DeformationSampling { Families = new Dictionary<string, int> { ["tps-strong"] = 20 } },
        Families = ["tps-strong"],
        Plan = new FitPlan { Vae = 30, Proposer = 30, Rounds = rounds, Critic = 30, Batch = 4 },
    };
}
