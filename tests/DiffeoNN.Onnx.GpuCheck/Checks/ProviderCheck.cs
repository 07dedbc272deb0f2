using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.GpuCheck.Operators;
using DiffeoNN.Onnx.GpuCheck.Running;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Native;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tensors;

namespace DiffeoNN.Onnx.GpuCheck.Checks;

/// <summary>Which device was taken, which operators run on it, and whether they are right there.</summary>
internal static class ProviderCheck
{
    private const int Batch = 8;
    private const int Runs = 50;
    private const double SecondsEach = 1;
    private const int SearchSteps = 3;
    private const int Repetitions = 20;
    private const double Tolerance = 1e-4;

    public static void Run(CheckOptions options, Report report)
    {
        var target = Target.Of(options);
        var cpu = Target.Cpu(options);
        report.That($"device {target.Name}", target.IsCuda == (options.Device == ExecutionDevice.Cuda), target.Selection.Reason);
        report.Info("ONNX Runtime", null, note: $"{OrtEnvironment.Instance.GetVersionString()}, {Environment.ProcessorCount} cores");
        if (target.IsCuda)
            report.Info("GPU", null,
                note: DriverTool.Ask(target.Selection.Index, "name,driver_version,memory.total") ?? "nvidia-smi does not say");
        foreach (var name in options.Bundles)
        {
            report.Try($"{name} graphs", () => Graphs(new BundleGraphs(options.Models, name, target), target, options, report));
            report.Try($"{name} search", () => Search(name, target, options, report));
        }

        var random = new Random(options.Seed);
        List<string> away = [];
        foreach (var item in IndexingCases.All(random).Concat(ArithmeticCases.All(random)).Concat(LayerCases.All(random)))
        {
            report.Try($"op {item.Name}", () =>
            {
                if (Operator(item, target, cpu, report) == "CPU") away.Add(item.Name);
            });
        }

        if (target.IsCuda) report.Info("operators that the CPU runs", away.Count, note: string.Join("; ", away));
        report.Try("same bits, float", () => Repeats("float", target, options, report));
        report.Try("same bits, int64", () => Repeats("int64", target, options, report));
    }

    /// <summary>Which nodes of a bundle's graphs are not on the device.</summary>
    private static void Graphs(BundleGraphs bundle, Target target, CheckOptions options, Report report)
    {
        foreach (var graph in bundle.Networks.Prepend(bundle.EnergyGradient))
        {
            report.Try($"{graph.Name} placement", () =>
            {
                using var profiles = new ProfileFolder();
                using (var lane = Lane.Ready(graph.Name, graph.Model, target, graph.Inputs(Batch, new Random(options.Seed)),
                    profiles.Watch)) lane.Run();
                Placement.Tell(graph.Name, profiles.Read().Single().Nodes, target, report);
            });
        }
    }

    /// <summary>Which nodes of the graphs that the library loads for a short search are not on the device.</summary>
    private static void Search(string bundle, Target target, CheckOptions options, Report report)
    {
        using var profiles = new ProfileFolder();
        var settings = new EquivariantOptions
        {
            Execution = target.Execution with { ConfigureSession = profiles.Watch },
            Fields = FieldEngine.Onnx,
            Start = StartPoint.Identity,
            Steps = SearchSteps,
        };
        using (var model = EquivariantModel.Load(Path.Combine(options.Models, bundle), settings))
            Models.RunOnce(model, CheckImages.Generated(model.Bundle.Image, Batch, options.Seed), report.Time);
        foreach (var (session, nodes) in profiles.Read().Where(profile => profile.Nodes.Count > 0))
            Placement.Tell($"{bundle} search, {session}", nodes, target, report);
    }

    /// <summary>Who runs one operator, whether the values are right, and how long it takes.</summary>
    /// <returns>The provider; null where ONNX Runtime made another operator of it.</returns>
    private static string? Operator(OperatorCase item, Target target, Target cpu, Report report)
    {
        var expected = Lane.Once(item.Name, item.Model, cpu, item.Inputs);
        using var profiles = new ProfileFolder();
        using var lane = Lane.Ready(item.Name, item.Model, target, item.Inputs, profiles.Watch);
        lane.Run();
        // The session goes on without its profiler.
        lane.Session.EndProfiling();
        var provider = profiles.Read().Single().Nodes.FirstOrDefault(node =>
            node.OpType == item.OpType)?.Provider.Replace("ExecutionProvider", "");
        var found = lane.RunAndRead();
        var worst = expected.Max(pair => Difference.Of(pair.Value, found[pair.Key]).Relative);
        var timing = Timing.Of(lane.Run, 3, Runs, report.Time, SecondsEach);
        report.AtMost($"op {item.Name}", worst, Exact(expected.Values) ? 0 : Tolerance,
            note: $"{provider ?? "fused"} {1000 * timing.Milliseconds:0} us");
        return provider;
    }

    private static bool Exact(IEnumerable<OnnxTensor> outputs) => outputs.All(tensor => !tensor.ElementType.IsFloat());

    /// <summary>Whether a scatter in which many values meet gives the same bits each time; for whole numbers it must.</summary>
    private static void Repeats(string kind, Target target, CheckOptions options, Report report)
    {
        var item = IndexingCases.Collisions(kind, new Random(options.Seed));
        using var lane = Lane.Ready(item.Name, item.Model, target, item.Inputs);
        var first = lane.RunAndRead().Values.Single();
        var others = Enumerable.Range(1, Repetitions - 1).Count(_ =>
            !lane.RunAndRead().Values.Single().Data.Span.SequenceEqual(first.Data.Span));
        var name = $"{item.Name}, other bits in {Repetitions} runs";
        if (kind == "float") report.Info(name, others);
        else report.AtMost(name, others, 0);
    }
}
