namespace DiffeoNN.Onnx.Gradients;

/// <summary>The elements of a node's first output; null where they are not known.</summary>
/// <param name="node">The node and what is known about its inputs.</param>
/// <param name="sizes">Shape of the output.</param>
internal delegate Item[]? Folding(InferenceContext node, long[] sizes);
