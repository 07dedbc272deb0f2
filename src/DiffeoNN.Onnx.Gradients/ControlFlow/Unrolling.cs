namespace DiffeoNN.Onnx.Gradients;

/// <summary>Writes the steps of loops of known length one after the other.</summary>
/// <remarks>
/// Few steps are faster so, each step's constants are folded, and shapes may change from step to step. Longer loops stay loops,
/// as long as nothing in them changes its shape: their gradient is a Scan that goes back.
/// </remarks>
internal static class Unrolling
{
    /// <summary>Most steps that are written out.</summary>
    public const int MaximumSteps = 64;

    /// <summary>Most nodes that they may become.</summary>
    public const int MaximumNodes = 1024;

    /// <summary>Whether a loop of a length is written out.</summary>
    public static bool Suits(OnnxNode node, long steps) => steps is >= 0 and <= MaximumSteps
        && steps * (node.Attributes["body"].Graph.Nodes.Count + node.Inputs.Count) <= MaximumNodes;

    /// <summary>The names of a graph inside a node, made different from all others.</summary>
    public static OnnxGraph Renamed(OnnxGraph graph, string prefix, IReadOnlyDictionary<string, string>? inputs = null)
    {
        var own = graph.Nodes.SelectMany(n => n.Outputs).Concat(graph.Initializers.Keys).Concat(graph.Inputs.Select(i => i.Name))
            .ToHashSet(StringComparer.Ordinal);
        graph = graph.Copy(
            name => inputs is not null && inputs.TryGetValue(name, out var input) ? input : own.Contains(name) ? prefix + name : name);
        foreach (var node in graph.Nodes.Where(n => n.Name.Length > 0))
            node.Name = prefix + node.Name;
        return graph;
    }
}
