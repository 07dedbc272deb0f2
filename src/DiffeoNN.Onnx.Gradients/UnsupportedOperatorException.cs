namespace DiffeoNN.Onnx.Gradients;

/// <summary>The derivative needs operators that have no gradient rule; all of them are listed.</summary>
public sealed class UnsupportedOperatorException : GradientException
{
    /// <summary>The domain of the operators that ONNX Runtime writes at its highest level of optimisation.</summary>
    private const string BlockedLayout = "com.microsoft.nchwc";

    internal UnsupportedOperatorException(IReadOnlyList<OnnxNode> nodes, OperatorSet operators, Func<string, int> versionOf)
        : this([.. nodes.Select(n => (n, Lack(n, operators, versionOf(n.Domain))))], versionOf)
    {
    }

    private UnsupportedOperatorException(List<(OnnxNode Node, string? Lack)> nodes, Func<string, int> versionOf)
        : base($"No gradient rule for {nodes.Count} operator{(nodes.Count == 1 ? "" : "s")}: "
            + $"{string.Join(", ", nodes.Select(n => Describe(n.Node, n.Lack, versionOf(n.Node.Domain))))}."
            + Hint(nodes.Where(n => n.Lack is null).Select(n => n.Node))) => Nodes = [.. nodes.Select(n => n.Node.Title)];

    internal UnsupportedOperatorException(OnnxNode node, string reason)
        : base($"No gradient for {node}: {reason}") => Nodes = [node.Title];

    private UnsupportedOperatorException(IReadOnlyList<UnsupportedOperatorException> refusals)
        : base(string.Join(' ', refusals.Select(r => r.Message))) => Nodes = [.. refusals.SelectMany(r => r.Nodes).Distinct()];

    /// <summary>Names of the nodes, or of their first outputs where they have none.</summary>
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

    /// <summary>What the set of operators has instead of the rule; null where the operator is none that somebody described.</summary>
    private static string? Lack(OnnxNode node, OperatorSet operators, int version)
    {
        if (operators.Find(node.Domain, node.OpType) is { } row)
        {
            if (row.Gradients.Count > 0)
                return $"its rule begins at version {row.Gradients.Min(g => g.SinceVersion)}, {Has(node.Domain)} {version}";
            return ReferenceEquals(row, OperatorSet.Default.Find(row.Domain, row.Name)) ? null : "its definition holds no gradient rule";
        }

        var namesakes = operators.All.Where(other => other.Name == node.OpType && other.Gradients.Count > 0)
            .Select(other => other.Domain.Length == 0 ? "ai.onnx" : $"'{other.Domain}'").ToList();
        return namesakes.Count > 0 ? $"there is one of domain {string.Join(", ", namesakes)}" : null;
    }

    /// <summary>Operators of ai.onnx are brought to the version that gradients are emitted in.</summary>
    private static string Has(string domain) => domain.Length == 0 ? "the model is compiled at" : "the model imports";

    private static string Describe(OnnxNode node, string? lack, int version) =>
        $"{(node.Domain.Length == 0 ? $"{node.OpType}-{version}" : $"{node.Domain}.{node.OpType}")} (node '{node.Title}'"
        + $"{(lack is null ? "" : $"; {lack}")})";
}
