namespace DiffeoNN.Onnx.Gradients;

/// <summary>How a node becomes what computes the same in a version of the operator set that changed its form.</summary>
/// <param name="Version">The version.</param>
/// <param name="Rewrite">The nodes that take its place.</param>
internal sealed record OpsetUpgrade(int Version, Func<OnnxNode, OpsetScope, IEnumerable<OnnxNode>> Rewrite);
