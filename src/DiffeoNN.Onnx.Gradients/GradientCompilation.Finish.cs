namespace DiffeoNN.Onnx.Gradients;

/// <content>Names the gradients, removes what nothing uses, and assembles the model.</content>
internal sealed partial class GradientCompilation
{
    private OnnxModel Finish(IEnumerable<(string Input, Value Gradient)> gradients, List<OnnxValueInfo> seeds)
    {
        var graph = _builder.Graph;
        var fixedNames = graph.Inputs.Concat(graph.Outputs).Concat(seeds).Select(v => v.Name).Concat(graph.Initializers.Keys)
            .ToHashSet(StringComparer.Ordinal);
        var renamed = new Dictionary<string, string>(StringComparer.Ordinal);
        var results = new List<OnnxValueInfo>();
        foreach (var (input, gradient) in gradients)
        {
            var name = Free(input);
            var info = graph.Inputs.Find(i => i.Name == input);
            results.Add(new OnnxValueInfo(name, _builder[input].ElementType, info?.Shape ?? Declared(_builder[input].Shape)));
            if (fixedNames.Contains(gradient.Name) || !renamed.TryAdd(gradient.Name, name))
                graph.AddNode("Identity", [gradient.Name], name);
        }

        for (var i = 0; i < graph.Nodes.Count; i++)
        {
            if (OnnxGraph.Reads(graph.Nodes[i]).Concat(graph.Nodes[i].Outputs).Any(renamed.ContainsKey))
                graph.Nodes[i] = graph.Nodes[i].Copy(name => renamed.GetValueOrDefault(name, name));
        }

        graph.Inputs.AddRange(seeds);
        graph.Outputs.AddRange(results);
        DeadCode.Remove(graph);
        // Declared shapes that can be inferred are left out: some carry the sizes of the exporter's example,
        // and the runtime would believe them.
        var made = graph.Nodes.Where(n => !ShapeInference.Knows(n, _builder.Operators)).SelectMany(n => n.Outputs)
            .ToHashSet(StringComparer.Ordinal);
        graph.ValueInfos.AddRange(
            _model.Graph.ValueInfos.Where(v => made.Contains(v.Name) && !graph.Outputs.Exists(o => o.Name == v.Name)));
        graph.Sort();
        var result = new OnnxModel
        {
            IrVersion = _model.IrVersion,
            ProducerName = "DiffeoNN.Onnx.Gradients",
            Graph = graph,
        };
        foreach (var (domain, version) in _model.OpsetImports)
            result.OpsetImports[domain] = version;
        foreach (var domain in DomainsOf(graph).Where(d => d.Length > 0))
            result.OpsetImports.TryAdd(domain, _builder.VersionOf(domain));
        foreach (var (key, value) in _model.Metadata)
            result.Metadata[key] = value;
        return result;
    }

    /// <summary>Domains of the nodes: a rule may emit operators of one that the model does not import.</summary>
    private static IEnumerable<string> DomainsOf(OnnxGraph graph) => graph.Nodes.Select(n => n.Domain)
        .Concat(graph.Nodes.SelectMany(n => n.Attributes.Values).SelectMany(a => a.Graphs).SelectMany(DomainsOf)).Distinct();
}
