using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.GpuCheck.Operators;
using DiffeoNN.Onnx.GpuCheck.Running;

namespace DiffeoNN.Onnx.GpuCheck.Checks;

/// <summary>Which device was taken, which operators run on it, and whether they are right there.</summary>
internal static class ProviderCheck
{
    private const int Batch = 8;
    private const int Runs = 50;
    private const int Repetitions = 20;
    private const double Tolerance = 1e-4;

    public static void Run(CheckOptions options, Report report)
    {
        var target = Target.Of(options);
        var cpu = Target.Cpu(options);
        report.That($"device {target.Name}", target.IsCuda == (options.Device == Execution.ExecutionDevice.Cuda), target.Selection.Reason);
        foreach (var name in options.Bundles)
            report.Try($"{name} graphs", () => Placement(new BundleGraphs(options.Models, name), target, options, report));
        var random = new Random(options.Seed);
        foreach (var item in IndexingCases.All(random).Concat(ArithmeticCases.All(random)).Concat(LayerCases.All(random)))
            report.Try($"op {item.Name}", () => Operator(item, target, cpu, report));
        report.Try("same bits, float", () => Repeats("float", target, options, report));
        report.Try("same bits, int64", () => Repeats("int64", target, options, report));
    }

    /// <summary>Which nodes of a bundle's graphs are not on the device.</summary>
    private static void Placement(BundleGraphs bundle, Target target, CheckOptions options, Report report)
    {
        foreach (var graph in bundle.Networks.Prepend(bundle.EnergyGradient))
        {
            report.Try($"{graph.Name} placement", () =>
            {
                var nodes = Profile.Of(graph.Name, graph.Model, target, graph.Inputs(Batch, new Random(options.Seed)));
                var away = nodes.Where(node => node.OnCpu).CountBy(node => node.OpType).OrderByDescending(pair => pair.Value).ToList();
                var list = target.IsCuda ? string.Join(", ", away.Select(pair => $"{pair.Key} {pair.Value}")) : "";
                report.Info(
                    $"{graph.Name}, nodes on the CPU", away.Sum(pair => pair.Value), $"of {nodes.Count(node => !node.IsCopy)}",
                    $"{nodes.Count(node => node.IsCopy)} Memcpy{(list.Length > 0 ? ": " : "")}{list}");
            });
        }
    }

    /// <summary>Who runs one operator, whether the values are right, and how long it takes.</summary>
    private static void Operator(OperatorCase item, Target target, Target cpu, Report report)
    {
        var expected = Lane.Once(item.Name, item.Model, cpu, item.Inputs);
        var provider = Profile.Of(item.Name, item.Model, target, item.Inputs)
            .Where(node => node.OpType == item.OpType).Select(node => node.Provider.Replace("ExecutionProvider", "")).FirstOrDefault("fused");
        using var lane = Lane.Ready(item.Name, item.Model, target, item.Inputs);
        var found = lane.RunAndRead();
        var worst = expected.Max(pair => Difference.Of(pair.Value, found[pair.Key]).Relative);
        var microseconds = 1000 * Timing.Median(lane.Run, 3, Runs, report.Time);
        report.AtMost($"op {item.Name}", worst, Exact(expected.Values) ? 0 : Tolerance, note: $"{provider} {microseconds:0} us");
    }

    private static bool Exact(IEnumerable<OnnxTensor> outputs) => outputs.All(tensor => !tensor.ElementType.IsFloat());

    /// <summary>Whether a scatter in which many values meet gives the same bits each time; for whole numbers it must.</summary>
    private static void Repeats(string kind, Target target, CheckOptions options, Report report)
    {
        var item = IndexingCases.Collisions(kind, new Random(options.Seed));
        using var lane = Lane.Ready(item.Name, item.Model, target, item.Inputs);
        var first = lane.RunAndRead().Values.Single();
        var others = Enumerable.Range(1, Repetitions - 1).Count(_ => !lane.RunAndRead().Values.Single().Data.Span.SequenceEqual(first.Data.Span));
        var name = $"{item.Name}, other bits in {Repetitions} runs";
        if (kind == "float") report.Info(name, others);
        else report.AtMost(name, others, 0);
    }
}
