namespace DiffeoNN.Onnx.Gradients;

/// <summary>Replaces calls of model-local functions by their bodies.</summary>
internal static class FunctionInliner
{
    private const int MaximumDepth = 64;

    /// <summary>Functions that call functions multiply their nodes; models beyond this are no models.</summary>
    private const int MaximumCalls = 100_000;

    /// <summary>The operator set that the model has without functions:
    /// their bodies may be written for a newer version than the model around them.</summary>
    public static int OpsetOf(OnnxModel model) =>
        (int)Math.Max(model.Opset, model.Functions.Select(f => f.OpsetImports.GetValueOrDefault("", 0)).DefaultIfEmpty(0).Max());

    /// <summary>A copy of the model without functions.</summary>
    /// <exception cref="OnnxModelException">Functions call each other without end.</exception>
    public static OnnxModel Inline(OnnxModel model)
    {
        var result = model.Copy();
        if (result.Functions.Count == 0)
            return result;
        var opset = OpsetOf(model);
        foreach (var (domain, version) in result.Functions.SelectMany(f => f.OpsetImports).Where(o => o.Key.Length > 0))
            result.OpsetImports.TryAdd(domain, version);
        var functions = new Dictionary<(string, string, string), OnnxFunction>();
        foreach (var function in result.Functions)
        {
            var own = (int)function.OpsetImports.GetValueOrDefault("", opset);
            functions[(function.Domain, function.Name, function.Overload)] =
                own == opset ? function : function with { Nodes = OpsetConverter.Convert(function.Nodes, result, own, opset) };
        }

        result.Functions.Clear();
        if (model.Opset < opset)
            result = OpsetConverter.Convert(result, opset);
        var count = 0;
        Inline(result.Graph, functions, ref count, 0);
        result.Graph.Sort();
        return result;
    }

    private static void Inline(OnnxGraph graph, Dictionary<(string, string, string), OnnxFunction> functions, ref int count, int depth)
    {
        var nodes = Expand(graph.Nodes, functions, ref count, depth);
        graph.Nodes.Clear();
        graph.Nodes.AddRange(nodes);
        foreach (var inner in graph.Nodes.SelectMany(n => n.Attributes.Values).SelectMany(a => a.Graphs))
            Inline(inner, functions, ref count, depth + 1);
    }

    private static List<OnnxNode> Expand(
        IEnumerable<OnnxNode> nodes, Dictionary<(string, string, string), OnnxFunction> functions, ref int count, int depth)
    {
        var result = new List<OnnxNode>();
        foreach (var node in nodes)
        {
            if (!functions.TryGetValue((node.Domain, node.OpType, node.Overload), out var function))
            {
                result.Add(node);
                continue;
            }

            if (depth > MaximumDepth)
                throw new OnnxModelException($"Function '{function.Name}' calls itself, directly or through others.");
            if (count > MaximumCalls)
                throw new OnnxModelException(
                    $"The model's functions call each other more than {MaximumCalls} times; one of them is '{function.Name}'.");
            if (node.Inputs.Count > function.Inputs.Count || node.Outputs.Count > function.Outputs.Count)
                throw new OnnxModelException(
                    $"{node} has {node.Inputs.Count} inputs and {node.Outputs.Count} outputs; function '{function.Name}' has "
                    + $"{function.Inputs.Count} and {function.Outputs.Count}.");
            result.AddRange(Expand(Body(node, function, count++), functions, ref count, depth + 1));
        }

        return result;
    }

    private static IEnumerable<OnnxNode> Body(OnnxNode call, OnnxFunction function, int number)
    {
        var prefix = $"{function.Name}_{number}/";
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var i = 0; i < function.Inputs.Count; i++)
            names[function.Inputs[i]] = call.Input(i);
        var passed = new List<OnnxNode>();
        for (var i = 0; i < Math.Min(function.Outputs.Count, call.Outputs.Count); i++)
        {
            if (call.Outputs[i].Length == 0)
                continue;
            // A function may hand an input through.
            if (names.TryGetValue(function.Outputs[i], out var input))
                passed.Add(new OnnxNode("Identity", [input], [call.Outputs[i]]));
            else
                names[function.Outputs[i]] = call.Outputs[i];
        }

        string Rename(string name) => names.TryGetValue(name, out var mapped) ? mapped : prefix + name;
        foreach (var node in function.Nodes)
        {
            var copy = node.Copy(Rename, node.Name.Length > 0 ? prefix + node.Name : "");
            Bind(copy, call, function);
            yield return copy;
        }

        foreach (var node in passed)
            yield return node;
    }

    /// <summary>Attributes that refer to the function's take the call's value, or the default, or vanish.</summary>
    private static void Bind(OnnxNode node, OnnxNode call, OnnxFunction function)
    {
        foreach (var attribute in node.Attributes.Values.Where(a => a.Reference is not null).ToList())
        {
            node.Attributes.Remove(attribute.Name);
            var value = call.Attributes.GetValueOrDefault(attribute.Reference!)
                ?? function.Defaults.FirstOrDefault(d => d.Name == attribute.Reference);
            if (value is not null)
                node.With(value.Renamed(attribute.Name));
        }

        foreach (var inner in node.Attributes.Values.SelectMany(a => a.Graphs).SelectMany(g => g.Nodes))
            Bind(inner, call, function);
    }
}
