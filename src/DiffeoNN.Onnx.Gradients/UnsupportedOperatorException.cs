namespace DiffeoNN.Onnx.Gradients;

/// <summary>The derivative needs operators that have no gradient rule; all of them are listed.</summary>
public sealed class UnsupportedOperatorException : GradientException
{
    internal UnsupportedOperatorException(IReadOnlyList<OnnxNode> nodes, int opset)
        : base($"No gradient rule for {nodes.Count} operator{(nodes.Count == 1 ? "" : "s")}: "
            + $"{string.Join(", ", nodes.Select(n => Describe(n, opset)))}.") =>
            Nodes = [.. nodes.Select(n => n.Name)];

    internal UnsupportedOperatorException(OnnxNode node, string reason)
        : base($"No gradient for {node}: {reason}") => Nodes = [node.Name];

    private UnsupportedOperatorException(IReadOnlyList<UnsupportedOperatorException> refusals)
        : base(string.Join(' ', refusals.Select(r => r.Message))) => Nodes = [.. refusals.SelectMany(r => r.Nodes).Distinct()];

    /// <summary>Names of the nodes.</summary>
    public IReadOnlyList<string> Nodes { get; }

    /// <summary>One refusal that says what several say.</summary>
    internal static UnsupportedOperatorException Of(IReadOnlyList<UnsupportedOperatorException> refusals) =>
        refusals.Count == 1 ? refusals[0] : new UnsupportedOperatorException(refusals);

    private static string Describe(OnnxNode node, int opset) => node.Domain.Length == 0
        ? $"{node.OpType}-{opset} (node '{node.Name}')"
        : $"{node.Domain}.{node.OpType} (node '{node.Name}')";
}
