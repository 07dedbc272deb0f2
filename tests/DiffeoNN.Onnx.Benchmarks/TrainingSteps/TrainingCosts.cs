using System.Diagnostics;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using TorchSharp;

namespace DiffeoNN.Onnx.Benchmarks.TrainingSteps;

/// <summary>What training costs: weight gradients beside the forward pass, and a whole step beside TorchSharp's.</summary>
internal static class TrainingCosts
{
    private const string Folder = "models/lungs";

    /// <summary>Prints the times, and the memory that processes of their own need at most.</summary>
    public static int Run(OnnxRuntimeEngine engine, BenchmarkOptions options)
    {
        if (!Directory.Exists(Folder))
        {
            Console.Error.WriteLine($"'{Folder}' is not here; start from the repository's root.");
            return 1;
        }

        var batch = options.Batch > 1 ? options.Batch : 16;
        if (options.Side is { } side)
            return Memory(engine, side, batch, options.Repeats);
        Console.WriteLine($"128x128, batch {batch}, {engine.Budget.Cores} cores; medians of alternating runs\n");
        Console.WriteLine($"{"weight gradients of",-24}{"nodes",8}{"forward ms",12}{"+weights ms",12}{"ratio",8}");
        foreach (var name in new[] { "inner", "proposer" })
            Weights(engine, name, batch, options.Repeats * 3);
        var difference = Steps(engine, batch, options.Repeats * 2);
        foreach (var which in new[] { "onnx", "torch" })
        {
            using var process = Process.Start(new ProcessStartInfo(Environment.ProcessPath!,
                ["--training", "--side", which, "--batch", $"{batch}", "--threads", $"{options.Threads}"])
                { RedirectStandardOutput = true })!;
            Console.WriteLine(process.StandardOutput.ReadToEnd().Trim());
            process.WaitForExit();
        }

        return difference < 1e-5 ? 0 : 1;
    }

    private static void Weights(OnnxRuntimeEngine engine, string name, int batch, int repeats)
    {
        var model = OnnxModel.Load(Path.Combine(Folder, $"{name}.onnx"));
        var output = model.Graph.Outputs[0].Name;
        var gradient = GradientCompiler.Compile(model, new GradientOptions { Inputs = [], Outputs = [output], Weights = true });
        using var forward = engine.Load(model, name);
        using var both = engine.Load(gradient, $"{name} with weights");
        using var scope = torch.NewDisposeScope();
        var image = new Dictionary<string, torch.Tensor> { ["image"] = torch.rand(batch, 1, 128, 128) };
        var seeded = new Dictionary<string, torch.Tensor>(image) { [output + "_grad"] = torch.randn_like(forward.Run(image)[output]) };
        var times = Alternate(repeats, () => Drop(forward.Run(image)), () => Drop(both.Run(seeded)));
        Console.WriteLine($"{name,-24}{gradient.Graph.Nodes.Count,8}{times[0],12:f1}{times[1],12:f1}{times[1] / times[0],8:f2}");
    }

    /// <summary>Times of steps; the relative difference of the first losses.</summary>
    private static double Steps(OnnxRuntimeEngine engine, int batch, int repeats)
    {
        var (proposer, inner) = Models();
        using var library = TaskStep.Library(engine, proposer, inner, batch);
        using var torchSharp = TaskStep.Torch(proposer, inner, batch);
        var losses = new List<(double, double)>();
        var (ours, theirs) = (0.0, 0.0);
        var times = Alternate(repeats, () => ours = library.Take(), () =>
        {
            theirs = torchSharp.Take();
            losses.Add((ours, theirs));
        });
        // Adam follows the sign of gradients that are next to nothing: after the first step both sides part by that.
        var loss = Math.Abs(losses[0].Item1 - losses[0].Item2) / Math.Abs(losses[0].Item2);
        var last = Math.Abs(losses[^1].Item1 - losses[^1].Item2) / Math.Abs(losses[^1].Item2);
        var (first, second) = (library.Weight("hidden.weight"), torchSharp.Weight("hidden.weight"));
        var weight = first.Zip(second, (a, b) => Math.Abs(a - b)).Max() / second.Max(Math.Abs);
        Console.WriteLine($"\nstep of the proposer with its task loss: {times[0]:f0} ms, TorchSharp {times[1]:f0} ms, "
            + $"ratio {times[0] / times[1]:f2}");
        Console.WriteLine($"losses agree to {loss:e1} at the first step and to {last:e1} after {losses.Count}, "
            + $"where weights differ by at most {weight:e1} of the largest");
        return loss;
    }

    private static int Memory(OnnxRuntimeEngine engine, string side, int batch, int repeats)
    {
        var (proposer, inner) = Models();
        using var step = side == "onnx" ? TaskStep.Library(engine, proposer, inner, batch) : TaskStep.Torch(proposer, inner, batch);
        var before = Environment.WorkingSet;
        for (var i = 0; i < repeats; i++)
            step.Take();
        using var process = Process.GetCurrentProcess();
        Console.WriteLine($"{side}: at most {process.PeakWorkingSet64 / 1e6:f0} MB resident, {before / 1e6:f0} MB before the first step");
        return 0;
    }

    private static (OnnxModel Proposer, OnnxModel Inner) Models() =>
        (OnnxModel.Load(Path.Combine(Folder, "proposer.onnx")), OnnxModel.Load(Path.Combine(Folder, "inner.onnx")));

    private static double[] Alternate(int repeats, params Action[] sides)
    {
        var times = sides.Select(_ => new List<double>()).ToArray();
        for (var i = -2; i < repeats; i++)
        {
            for (var side = 0; side < sides.Length; side++)
            {
                var start = Stopwatch.GetTimestamp();
                sides[side]();
                if (i >= 0)
                    times[side].Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            }
        }

        return [.. times.Select(t => t.Order().ElementAt(t.Count / 2))];
    }

    private static void Drop(IReadOnlyDictionary<string, torch.Tensor> results)
    {
        foreach (var result in results.Values)
            result.Dispose();
    }
}
