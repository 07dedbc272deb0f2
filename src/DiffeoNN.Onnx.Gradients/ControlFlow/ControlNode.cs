namespace DiffeoNN.Onnx.Gradients;

/// <summary>An If, Loop or Scan of the forward graph whose bodies are differentiated.</summary>
/// <param name="Bodies">The two branches, or the body of the loop.</param>
/// <param name="Differentiable">Values of the graph around it that its outputs depend on differentiably.</param>
/// <param name="Form">How the loop's inputs and outputs are ordered; null for a choice.</param>
internal sealed record ControlNode(ForwardBody[] Bodies, IReadOnlyList<string> Differentiable, LoopForm? Form);
