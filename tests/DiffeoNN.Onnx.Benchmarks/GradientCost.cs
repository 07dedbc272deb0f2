using System.Diagnostics;
using System.Globalization;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using TorchSharp;

namespace DiffeoNN.Onnx.Benchmarks;

/// <summary>What the input gradient of a network costs beside the network itself, both measured alternately in one run.</summary>
/// <param name="Name">The network.</param>
/// <param name="Nodes">Nodes of the network.</param>
/// <param name="GradientNodes">Nodes of the network with its gradient.</param>
/// <param name="Compile">Milliseconds to derive the gradient, once warm.</param>
/// <param name="Forward">Median milliseconds of a run of the network.</param>
/// <param name="Both">Median milliseconds of a run of network and gradient.</param>
internal sealed record GradientCost(string Name, int Nodes, int GradientNodes, double Compile, double Forward, double Both)
{
    public double Ratio => Both / Forward;

    /// <summary>Measures one model: the gradient of its first output with respect to its first input,
    /// the upstream gradient random.</summary>
    /// <param name="engine">Runs both.</param>
    /// <param name="name">What to call the model.</param>
    /// <param name="model">The model; free sizes are 1 for the batch and <paramref name="size"/> for the others.</param>
    /// <param name="size">Size of free spatial axes.</param>
    /// <param name="repeats">Pairs of runs.</param>
    public static GradientCost Of(OnnxRuntimeEngine engine, string name, OnnxModel model, int size, int repeats)
    {
        var (input, output) = (model.Graph.RequiredInputs.First().Name, model.Graph.Outputs[0].Name);
        var options = new GradientOptions { Inputs = [input], Outputs = [output] };
        var gradient = GradientCompiler.Compile(model, options);
        var start = Stopwatch.GetTimestamp();
        _ = GradientCompiler.Compile(model, options);
        var compile = Stopwatch.GetElapsedTime(start).TotalMilliseconds;

        using var forward = engine.Load(model, name);
        using var both = engine.Load(gradient, name + " with gradient");
        using var scope = torch.NewDisposeScope();
        var values = forward.Inputs.ToDictionary(
            i => i.Name, i => torch.rand([.. i.Dimensions.Select((d, axis) => d ?? (axis == 0 ? 1 : size))], dtype: i.Type));
        var upstream = torch.rand_like(forward.Run(values, [output])[output]);
        var seeded = new Dictionary<string, torch.Tensor>(values) { [output + "_grad"] = upstream };
        List<double> forwardTimes = [], bothTimes = [];
        for (var i = -Math.Max(3, repeats / 10); i < repeats; i++)
        {
            Time(() => forward.Run(values, [output]), i < 0 ? null : forwardTimes);
            Time(() => both.Run(seeded, [output, input + "_grad"]), i < 0 ? null : bothTimes);
        }

        return new GradientCost(name, model.Graph.Nodes.Count, gradient.Graph.Nodes.Count, compile, Median(forwardTimes),
            Median(bothTimes));
    }

    public static void PrintHeader() =>
        Console.WriteLine($"{"network",-32}{"nodes",7}{"+grad",7}{"compile ms",12}{"forward ms",12}{"+grad ms",12}{"ratio",8}");

    public void Print() => Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"{Name,-32}{Nodes,7}{GradientNodes,7}{Compile,12:f0}{Forward,12:f2}{Both,12:f2}{Ratio,8:f2}"));

    private static void Time(Func<IReadOnlyDictionary<string, torch.Tensor>> run, List<double>? times)
    {
        var start = Stopwatch.GetTimestamp();
        var results = run();
        times?.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        foreach (var result in results.Values)
            result.Dispose();
    }

    private static double Median(List<double> times) => times.Order().ElementAt(times.Count / 2);
}
