namespace DiffeoNN.Onnx.Gradients;

/// <summary>The derivative needs operators that have no gradient rule; all of them are listed.</summary>
public sealed class UnsupportedOperatorException : GradientException
{
    /// <summary>The domain of the operators that ONNX Runtime writes at its highest level of optimisation.</summary>
    private const string BlockedLayout = "com.microsoft.nchwc";

    internal UnsupportedOperatorException(IReadOnlyList<OnnxNode> nodes, int opset)
        : base($"No gradient rule for {nodes.Count} operator{(nodes.Count == 1 ? "" : "s")}: "
            + $"{string.Join(", ", nodes.Select(n => Describe(n, opset)))}.{Hint(nodes)}") =>
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

    /// <summary>What to do about operators that are not of ai.onnx.</summary>
    private static string Hint(IEnumerable<OnnxNode> nodes)
    {
        var domains = nodes.Select(n => n.Domain).Where(d => d.Length > 0).Distinct().ToList();
        return domains.Contains(BlockedLayout)
            ? $" Operators of {BlockedLayout} are laid out for one processor; save the optimised model at level ORT_ENABLE_EXTENDED."
            : domains.Count > 0 ? " Rules for operators of other domains are given by GradientOptions.Operators." : "";
    }

    private static string Describe(OnnxNode node, int opset) => node.Domain.Length == 0
        ? $"{node.OpType}-{opset} (node '{node.Name}')"
        : $"{node.Domain}.{node.OpType} (node '{node.Name}')";
}
