namespace DiffeoNN.Onnx.Gradients;

/// <summary>A graph inside a node of the forward graph, taken over so that it can be differentiated.</summary>
/// <param name="Builder">Holds its nodes; outputs can be added to it.</param>
/// <param name="Nodes">Its nodes as they were taken over.</param>
/// <param name="Inputs">Names of its inputs.</param>
/// <param name="Results">Names of the values that its first outputs give.</param>
/// <param name="Differentiable">Its inputs and values from outside that a float result depends on differentiably.</param>
internal sealed record ForwardBody(
    GraphBuilder Builder, IReadOnlyList<OnnxNode> Nodes, IReadOnlyList<string> Inputs, IReadOnlyList<string> Results,
    IReadOnlySet<string> Differentiable)
{
    /// <summary>Whether a value exists only while the body runs.</summary>
    public bool Owns(string name) => Inputs.Contains(name) || Builder.Graph.Nodes.Exists(n => n.Outputs.Contains(name));
}
