using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Energies;

/// <summary>Keeps apart the functions of networks that share a graph: exporters use one domain and one name for different bodies.</summary>
internal static class FunctionDomains
{
    /// <summary>Puts a prefix before the domains of a model's functions, where they are defined and where they are called.</summary>
    /// <param name="model">Changed in place.</param>
    /// <param name="prefix">Told apart by network.</param>
    public static void Prefix(OnnxModel model, string prefix)
    {
        if (model.Functions.Count == 0) return;
        var names = model.Functions.Select(function => (function.Domain, function.Name)).ToHashSet();
        var domains = model.Functions.Select(function => function.Domain).Distinct(StringComparer.Ordinal).ToList();
        Rename(model.Graph.Nodes);
        for (var i = 0; i < model.Functions.Count; i++)
        {
            var function = model.Functions[i];
            Rename(function.Nodes);
            model.Functions[i] = function with { Domain = prefix + function.Domain, OpsetImports = Extended(function.OpsetImports) };
        }

        foreach (var (domain, version) in Extended(model.OpsetImports)) model.OpsetImports[domain] = version;

        void Rename(IEnumerable<OnnxNode> nodes)
        {
            foreach (var node in nodes)
            {
                if (names.Contains((node.Domain, node.OpType))) node.Domain = prefix + node.Domain;
                foreach (var graph in node.Attributes.Values.SelectMany(attribute => attribute.Graphs)) Rename(graph.Nodes);
            }
        }

        Dictionary<string, long> Extended(IEnumerable<KeyValuePair<string, long>> imports)
        {
            var result = new Dictionary<string, long>(imports, StringComparer.Ordinal);
            foreach (var domain in domains) result[prefix + domain] = result.GetValueOrDefault(domain, 1);
            return result;
        }
    }
}
