namespace DiffeoNN.Onnx.Gradients;

/// <summary>How many inputs and outputs the graphs inside a node have, which the node's own decide.</summary>
internal static class BodyForms
{
    /// <summary>Version 8 of Scan had the sequences' lengths as a further input.</summary>
    private const int ScanWithoutLengths = 9;

    /// <exception cref="OnnxModelException">A branch has inputs, or too few outputs.</exception>
    public static void If(OnnxNode node, int opset)
    {
        Check(node, "then_branch", 0, 0, node.Outputs.Count);
        Check(node, "else_branch", 0, 0, node.Outputs.Count);
    }

    /// <exception cref="OnnxModelException">The body has other inputs than the node hands it, or too few outputs.</exception>
    public static void Loop(OnnxNode node, int opset)
    {
        // The number of steps and the condition may both be left out.
        var states = Math.Max(0, node.Inputs.Count - 2);
        Check(node, "body", 2 + states, 1 + states, 1 + node.Outputs.Count);
    }

    /// <exception cref="OnnxModelException">The body has other inputs than the node hands it, or too few outputs.</exception>
    public static void Scan(OnnxNode node, int opset)
    {
        if (opset < ScanWithoutLengths)
            return;
        var sequences = node.GetInt("num_scan_inputs", 0);
        if (sequences < 1 || sequences > node.Inputs.Count)
            throw new OnnxModelException(
                $"{node} reads {sequences} of its {node.Inputs.Count} inputs as sequences; 1 to all were expected.");
        Check(node, "body", node.Inputs.Count, node.Inputs.Count - (int)sequences, node.Outputs.Count);
        Each(node, "input", sequences);
        if (node.Attributes.TryGetValue("body", out var body))
            Each(node, "output", body.Graph.Outputs.Count - node.Inputs.Count + sequences);
    }

    private static void Check(OnnxNode node, string name, int inputs, int carried, int outputs)
    {
        if (!node.Attributes.TryGetValue(name, out var attribute) || attribute.Reference is not null)
            return;
        var graph = attribute.Graph;
        if (graph.Inputs.Count != inputs)
            throw new OnnxModelException($"{node} hands its graph '{name}' {inputs} inputs; the graph has {graph.Inputs.Count}.");
        if (graph.Outputs.Count < Math.Max(carried, outputs))
        {
            throw new OnnxModelException(
                $"{node} takes {Math.Max(carried, outputs)} outputs from its graph '{name}'; the graph has {graph.Outputs.Count}.");
        }
    }

    /// <summary>Axes and directions are given for each sequence, or not at all.</summary>
    private static void Each(OnnxNode node, string kind, long count)
    {
        foreach (var name in new[] { $"scan_{kind}_axes", $"scan_{kind}_directions" })
        {
            if (node.GetInts(name) is { } given && given.Count != count)
                throw new OnnxModelException($"{node} has {given.Count} numbers in '{name}'; {count} were expected, one a sequence.");
        }
    }
}
