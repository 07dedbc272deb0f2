namespace DiffeoNN.Onnx.Gradients;

/// <summary>A rewriting that looks at more than one node's formula: the driver asks each pass in turn, and knows none by name.</summary>
internal abstract class GradientPass
{
    /// <summary>Nodes that take the place of one of the model's before it is differentiated; null where it stays.</summary>
    public virtual IReadOnlyList<OnnxNode>? Replaced(OnnxNode node) => null;

    /// <summary>How a node of the forward graph is written; the node itself where nothing is to be changed.</summary>
    /// <param name="node">The node.</param>
    /// <param name="builder">The graph under construction, which knows the node's inputs.</param>
    public virtual IReadOnlyList<OnnxNode> Imported(OnnxNode node, GraphBuilder builder) => [node];

    /// <summary>The gradients whose sum is that of a value; fewer where some can be formed together.</summary>
    /// <param name="terms">Gradients that arrived at a value, two or more.</param>
    public virtual List<Value> Summed(List<Value> terms) => terms;
}
