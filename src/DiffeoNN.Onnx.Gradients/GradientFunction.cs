namespace DiffeoNN.Onnx.Gradients;

/// <summary>Forms the gradients with respect to a node's inputs, by position, each as a function that adds its nodes: it is called
/// where that gradient is needed. Null for inputs that have none.</summary>
/// <param name="node">The node, its values, and the gradients that arrive at its outputs.</param>
public delegate IReadOnlyList<Func<Value>?> GradientFunction(RuleContext node);
