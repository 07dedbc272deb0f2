using DiffeoNN.Onnx.GpuCheck.Running;

namespace DiffeoNN.Onnx.GpuCheck.Operators;

/// <summary>Tells which nodes of a graph ran on the CPU.</summary>
internal static class Placement
{
    /// <param name="graph">As the row names it.</param>
    /// <param name="nodes">What ran.</param>
    /// <param name="target">Where it was to run; on the CPU no operators are listed.</param>
    /// <param name="report">Gets one row.</param>
    public static void Tell(string graph, IReadOnlyList<ProfiledNode> nodes, Target target, Report report)
    {
        var away = nodes.Where(node => node.OnCpu).CountBy(node => node.OpType).OrderByDescending(pair => pair.Value).ToList();
        var list = target.IsCuda ? string.Join(", ", away.Select(pair => $"{pair.Key} {pair.Value}")) : "";
        report.Info(
            $"{graph}, nodes on the CPU", away.Sum(pair => pair.Value), $"of {nodes.Count(node => !node.IsCopy)}",
            $"{nodes.Count(node => node.IsCopy)} Memcpy{(list.Length > 0 ? ": " : "")}{list}");
    }
}
