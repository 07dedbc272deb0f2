namespace DiffeoNN.Onnx.Gradients;

/// <summary>Removes nodes and initialisers that no output needs.</summary>
internal static class DeadCode
{
    public static void Remove(OnnxGraph graph)
    {
        var used = graph.Outputs.Select(o => o.Name).ToHashSet(StringComparer.Ordinal);
        var keep = new List<OnnxNode>();
        // Nodes are in running order but for the last ones added, which only read.
        for (var i = graph.Nodes.Count - 1; i >= 0; i--)
        {
            var node = graph.Nodes[i];
            if (!node.Outputs.Exists(used.Contains))
                continue;
            used.UnionWith(OnnxGraph.Reads(node));
            keep.Add(node);
        }

        keep.Reverse();
        graph.Nodes.Clear();
        graph.Nodes.AddRange(keep);
        used.UnionWith(graph.Inputs.Select(i => i.Name));
        foreach (var name in graph.Initializers.Keys.Where(n => !used.Contains(n)).ToList())
            graph.Initializers.Remove(name);
    }
}
