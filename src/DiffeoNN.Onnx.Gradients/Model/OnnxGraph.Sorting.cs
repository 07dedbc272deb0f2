namespace DiffeoNN.Onnx.Gradients;

/// <content>Order of nodes and consistency of names.</content>
public sealed partial class OnnxGraph
{
    /// <summary>Puts the nodes into an order in which they can run; nodes that can run already keep their order.</summary>
    /// <exception cref="OnnxModelException">A value is made twice or never, or nodes wait for each other.</exception>
    public void Sort() => Sort(new HashSet<string>(StringComparer.Ordinal));

    /// <summary>Names that a node reads, those its inner graphs take from outside included.</summary>
    internal static IEnumerable<string> Reads(OnnxNode node)
    {
        foreach (var input in node.Inputs)
        {
            if (input.Length > 0)
                yield return input;
        }

        foreach (var graph in node.Attributes.Values.SelectMany(a => a.Graphs))
        {
            foreach (var name in graph.Captured())
                yield return name;
        }
    }

    /// <summary>Names that this graph, inside a node, takes from outside.</summary>
    internal HashSet<string> Captured()
    {
        var own = new HashSet<string>(Initializers.Keys.Concat(Inputs.Select(i => i.Name)).Concat(Nodes.SelectMany(n => n.Outputs)),
            StringComparer.Ordinal);
        return [.. Nodes.SelectMany(Reads).Concat(Outputs.Select(o => o.Name)).Where(name => !own.Contains(name))];
    }

    private void Sort(HashSet<string> outside)
    {
        var own = Inputs.Select(i => i.Name).Concat(Initializers.Keys).ToHashSet(StringComparer.Ordinal);
        var makers = Makers(own);
        // A name that this graph makes hides the same name outside.
        var available = new HashSet<string>(outside.Where(n => !makers.ContainsKey(n)), StringComparer.Ordinal);
        available.UnionWith(own);
        var order = new List<OnnxNode>(Nodes.Count);
        var waiting = new int[Nodes.Count];
        var readers = new Dictionary<string, List<int>>(StringComparer.Ordinal);
        var ready = new PriorityQueue<int, int>();
        for (var i = 0; i < Nodes.Count; i++)
        {
            foreach (var name in Reads(Nodes[i]).Where(n => !available.Contains(n)).Distinct())
            {
                if (!makers.ContainsKey(name))
                    throw new OnnxModelException(
                        $"{Nodes[i]} reads '{name}', which no input, initialiser or node of graph '{Name}' supplies.");
                waiting[i]++;
                if (!readers.TryGetValue(name, out var list))
                    readers[name] = list = [];
                list.Add(i);
            }

            if (waiting[i] == 0)
                ready.Enqueue(i, i);
        }

        while (ready.TryDequeue(out var i, out _))
        {
            order.Add(Nodes[i]);
            foreach (var reader in Nodes[i].Outputs.Distinct().SelectMany(o => readers.GetValueOrDefault(o, [])))
            {
                if (--waiting[reader] == 0)
                    ready.Enqueue(reader, reader);
            }
        }

        if (order.Count < Nodes.Count)
            throw new OnnxModelException($"Graph '{Name}' has a cycle through {Nodes.Where((_, i) => waiting[i] > 0).First()}.");
        foreach (var output in Outputs.Where(o => !available.Contains(o.Name) && !makers.ContainsKey(o.Name)))
            throw new OnnxModelException($"Graph '{Name}' has an output '{output.Name}' that nothing supplies.");
        Nodes.Clear();
        Nodes.AddRange(order);
        available.UnionWith(makers.Keys);
        foreach (var graph in Nodes.SelectMany(n => n.Attributes.Values).SelectMany(a => a.Graphs))
            graph.Sort(available);
    }

    private Dictionary<string, OnnxNode> Makers(HashSet<string> available)
    {
        var makers = new Dictionary<string, OnnxNode>(StringComparer.Ordinal);
        foreach (var node in Nodes)
        {
            foreach (var output in node.Outputs.Where(o => o.Length > 0))
            {
                if (available.Contains(output) || !makers.TryAdd(output, node))
                    throw new OnnxModelException($"{node} makes '{output}', which is there already.");
            }
        }

        return makers;
    }
}
