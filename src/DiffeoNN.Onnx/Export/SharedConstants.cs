using System.Security.Cryptography;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Export;

/// <summary>Keeps constants of equal content once: networks that are asked several times share their weights.</summary>
internal static class SharedConstants
{
    /// <summary>Merges the constants of a graph and of the loops written into it, and moves those of the loops to it.</summary>
    public static void Apply(OnnxGraph root)
    {
        var known = new Dictionary<(OnnxElementType Type, string Shape, string Hash), string>();
        var renamed = new Dictionary<string, string>(StringComparer.Ordinal);
        OnnxGraph[] graphs = [.. Inner(root).Prepend(root)];
        // Loops and branches of one network may call different things alike, which then stay where they are. What is left is defined in one
        // place, and means the same wherever it is read.
        var repeated = All(root).SelectMany(Named).CountBy(name => name, StringComparer.Ordinal)
            .Where(pair => pair.Value > 1).Select(pair => pair.Key).ToHashSet(StringComparer.Ordinal);
        foreach (var graph in graphs)
        {
            foreach (var (name, tensor) in graph.Initializers.ToList())
            {
                if (tensor.ElementType == OnnxElementType.String || repeated.Contains(name))
                    continue;
                var key = (tensor.ElementType, string.Join(',', tensor.Dimensions), Convert.ToHexString(SHA256.HashData(tensor.Data.Span)));
                if (known.TryGetValue(key, out var first))
                {
                    graph.Initializers.Remove(name);
                    renamed[name] = first;
                    continue;
                }

                known[key] = name;
                if (ReferenceEquals(graph, root))
                    continue;
                graph.Initializers.Remove(name);
                root.AddInitializer(tensor);
            }
        }

        foreach (var graph in All(root))
            Rename(graph, renamed);
    }

    private static IEnumerable<string> Named(OnnxGraph graph) => graph.Initializers.Keys
        .Concat(graph.Inputs.Select(input => input.Name)).Concat(graph.Nodes.SelectMany(node => node.Outputs));

    /// <summary>The bodies of loops; branches of networks keep their own, whose names they may share.</summary>
    private static IEnumerable<OnnxGraph> Inner(OnnxGraph graph) => graph.Nodes.Where(node => node is { OpType: "Loop", Domain: "" })
        .SelectMany(node => node.Attributes.Values.SelectMany(attribute => attribute.Graphs))
        .SelectMany(inner => Inner(inner).Prepend(inner));

    /// <summary>The graph, and whatever lies in its nodes.</summary>
    private static IEnumerable<OnnxGraph> All(OnnxGraph graph) => graph.Nodes
        .SelectMany(node => node.Attributes.Values.SelectMany(attribute => attribute.Graphs)).SelectMany(All).Prepend(graph);

    private static void Rename(OnnxGraph graph, Dictionary<string, string> renamed)
    {
        foreach (var node in graph.Nodes)
        {
            for (var i = 0; i < node.Inputs.Count; i++)
                node.Inputs[i] = renamed.GetValueOrDefault(node.Inputs[i], node.Inputs[i]);
        }

        for (var i = 0; i < graph.Outputs.Count; i++)
            graph.Outputs[i] = graph.Outputs[i] with { Name = renamed.GetValueOrDefault(graph.Outputs[i].Name, graph.Outputs[i].Name) };
    }
}
