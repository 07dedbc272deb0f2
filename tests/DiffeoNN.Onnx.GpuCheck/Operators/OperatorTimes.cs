using System.Text.Json;

namespace DiffeoNN.Onnx.GpuCheck.Operators;

/// <summary>What a session's operators cost, from what ONNX Runtime's profiler writes.</summary>
/// <param name="Runs">Runs of the session.</param>
/// <param name="Milliseconds">All operators together, a run.</param>
/// <param name="Operators">Operator, nodes and milliseconds a run, the most expensive first.</param>
/// <remarks>On a GPU the profiler times launches, not the work, unless CUDA_LAUNCH_BLOCKING=1 makes each launch wait.</remarks>
internal sealed record OperatorTimes(
    int Runs, double Milliseconds, IReadOnlyList<(string Name, double Nodes, double Milliseconds)> Operators)
{
    private const string Suffix = "_kernel_time";

    /// <summary>Reads a profile.</summary>
    public static OperatorTimes Read(string path)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(path));
        var runs = 0;
        List<(string Operator, double Milliseconds)> nodes = [];
        foreach (var item in document.RootElement.EnumerateArray())
        {
            var name = item.GetProperty("name").GetString() ?? "";
            if (name == "model_run") runs++;
            if (name.EndsWith(Suffix, StringComparison.Ordinal) && item.GetProperty("args").TryGetProperty("op_name", out var operation))
                nodes.Add((operation.GetString() ?? "", item.GetProperty("dur").GetDouble() / 1000));
        }

        var count = Math.Max(1, runs);
        return new OperatorTimes(
            runs,
            nodes.Sum(node => node.Milliseconds) / count,
            [.. nodes.GroupBy(node => node.Operator)
                .Select(group => (group.Key, group.Count() / (double)count, group.Sum(node => node.Milliseconds) / count))
                .OrderByDescending(group => group.Item3)]);
    }
}
