namespace DiffeoNN.Onnx.Gradients;

/// <summary>Forms a node's outputs from simpler operators, by position; null for outputs that the node does not name.</summary>
/// <param name="node">The node and its inputs.</param>
public delegate IReadOnlyList<Value?> ExpansionFunction(RuleContext node);
