namespace DiffeoNN.Onnx.Gradients;

/// <content>The first form of Scan.</content>
public static partial class OpsetConverter
{
    /// <summary>Version 8 had a batch as first axis of everything: a Scan over the batch, whose body is the Scan over time.</summary>
    internal static OnnxNode[] BatchedScan(OnnxNode node, OpsetScope scope)
    {
        var body = node.Attributes["body"].Graph;
        // The form of version 9 has no input for lengths: this one is new already.
        if (node.Inputs.Count == body.Inputs.Count)
            return [node];
        if (node.Inputs[0].Length > 0)
            throw new OnnxModelException($"{node} has sequence lengths, which operator set 9 withdrew.");
        var sequences = node.GetInt("num_scan_inputs", 0);
        var item = new OnnxGraph { Name = body.Name };
        item.Inputs.AddRange(body.Inputs.Select(i => new OnnxValueInfo(scope.Fresh(i.Name), i.ElementType, null)));
        item.Outputs.AddRange(body.Outputs.Select(o => new OnnxValueInfo(scope.Fresh(o.Name), o.ElementType, null)));
        var inner = new OnnxNode("Scan", item.Inputs.Select(i => i.Name), item.Outputs.Select(o => o.Name),
            OnnxAttribute.Of("body", body), OnnxAttribute.Of("num_scan_inputs", sequences)) { Name = node.Name };
        if (node.GetInts("directions") is { } directions)
            inner.With(OnnxAttribute.Of("scan_input_directions", directions));
        item.Nodes.Add(inner);
        return [new OnnxNode("Scan", node.Inputs.Skip(1), node.Outputs, OnnxAttribute.Of("body", item),
            OnnxAttribute.Of("num_scan_inputs", node.Inputs.Count - 1)) { Name = node.Name }];
    }
}
