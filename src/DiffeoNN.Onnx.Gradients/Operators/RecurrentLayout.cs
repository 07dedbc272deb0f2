namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>Recurrent layers whose first axis is the batch (layout=1), which the runtime's kernels do not know.</summary>
internal static class RecurrentLayout
{
    /// <summary>The layer with time as first axis and what is needed around it; null where it is so already.</summary>
    public static List<OnnxNode>? TimeFirst(OnnxNode node)
    {
        if (node.Domain.Length > 0 || node.OpType is not ("RNN" or "GRU" or "LSTM") || node.GetInt("layout", 0) == 0)
            return null;
        List<OnnxNode> before = [], after = [];
        var layer = node.Copy();
        layer.Attributes.Remove("layout");
        var prefix = $"{node.Outputs.First(o => o.Length > 0)}/time_first";
        OnnxNode Exchanged(string from, string to, params long[] order) =>
            new("Transpose", [from], [to], OnnxAttribute.Of("perm", order)) { Name = to };
        foreach (var i in new[] { 0, 5, 6 }.Where(i => node.Input(i).Length > 0))
        {
            layer.Inputs[i] = $"{prefix}/input_{i}";
            before.Add(Exchanged(node.Inputs[i], layer.Inputs[i], 1, 0, 2));
        }

        for (var i = 0; i < node.Outputs.Count; i++)
        {
            if (node.Outputs[i].Length == 0)
                continue;
            layer.Outputs[i] = $"{prefix}/output_{i}";
            after.Add(i == 0
                ? Exchanged(layer.Outputs[i], node.Outputs[i], 2, 0, 1, 3)
                : Exchanged(layer.Outputs[i], node.Outputs[i], 1, 0, 2));
        }

        return [.. before, layer, .. after];
    }
}
