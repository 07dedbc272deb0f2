namespace DiffeoNN.Onnx.Gradients;

/// <summary>Rewrites models for newer versions of the ai.onnx operator set: operators' rows say how, for each version that changed
/// their form.</summary>
public static partial class OpsetConverter
{
    /// <summary>Versions that changed the form of an operator.</summary>
    private static readonly int[] Versions =
        [.. OperatorSet.Standard.All.SelectMany(row => row.Upgrades).Select(u => u.Version).Distinct().Order()];

    /// <summary>A copy of a model at a newer version of the operator set, which computes the same.</summary>
    /// <param name="model">The model; model-local functions are inlined first.</param>
    /// <param name="opset">The version wanted, at least the model's.</param>
    /// <exception cref="OnnxModelException">The model is newer than <paramref name="opset"/>,
    /// or uses a form that newer versions lack.</exception>
    public static OnnxModel Convert(OnnxModel model, int opset)
    {
        var result = FunctionInliner.Inline(model);
        var from = result.Opset;
        if (from > opset)
            throw new OnnxModelException($"The model uses operator set {from}, newer than the {opset} wanted.");
        // Ranks are inferred from forms that inference knows: what is older is rewritten first.
        foreach (var step in new[] { 6, 7 }.Where(v => v > from && v < opset).Append(opset).ToList())
        {
            Convert(result.Graph, new OpsetScope(result), from, step);
            from = step;
        }

        result.OpsetImports[""] = opset;
        result.IrVersion = Math.Max(result.IrVersion, MinimumIrVersion(opset));
        return result;
    }

    /// <summary>The format version that ONNX released together with an operator set.</summary>
    internal static long MinimumIrVersion(int opset) => opset switch
    {
        <= 8 => 3,
        9 => 4,
        10 => 5,
        11 => 6,
        <= 14 => 7,
        <= 18 => 8,
        <= 20 => 9,
        <= 22 => 10,
        23 => 11,
        _ => 12,
    };

    /// <summary>Rewrites a list of nodes, such as a function's body.</summary>
    internal static List<OnnxNode> Convert(IEnumerable<OnnxNode> nodes, OnnxModel owner, int from, int to)
    {
        var scope = new OpsetScope(owner) { Constants = [] };
        var converted = Convert(nodes, scope, from, to);
        return [.. scope.Constants, .. converted];
    }

    private static void Convert(OnnxGraph graph, OpsetScope scope, int from, int to)
    {
        // Before version 4 of the format every initialiser was listed as an input too, and none could be overridden.
        if (scope.Model.IrVersion < 4)
            graph.Inputs.RemoveAll(i => graph.Initializers.ContainsKey(i.Name));
        var nodes = Convert(graph.Nodes, scope, from, to);
        graph.Nodes.Clear();
        graph.Nodes.AddRange(nodes);
        foreach (var inner in graph.Nodes.SelectMany(n => n.Attributes.Values).SelectMany(a => a.Graphs))
            Convert(inner, scope, from, to);
    }

    private static List<OnnxNode> Convert(IEnumerable<OnnxNode> nodes, OpsetScope scope, int from, int to)
    {
        var current = nodes.ToList();
        if (from < 6)
            current = [.. current.Select(n => n.Attributes.ContainsKey("consumed_inputs") ? Without(n, "consumed_inputs") : n)];
        foreach (var step in Versions.Where(v => v > from && v <= to))
        {
            current = [.. current.SelectMany(n => n.Domain.Length == 0 && OperatorSet.Standard.Find("", n.OpType) is { } row
                && row.Upgrades.FirstOrDefault(u => u.Version == step) is { } upgrade ? upgrade.Rewrite(n, scope) : [n])];
        }

        return current;
    }
}
