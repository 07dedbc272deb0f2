using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Training.Fitting;

/// <summary>The frozen inner network, as the proposer's task loss takes it.</summary>
/// <param name="Model">A network with one input (N, C, H, W), float32 in [0, 1], of the training images' size; N free. What is in front of
/// a
/// published network (normalisation, layout, type) is part of it.</param>
/// <param name="Answer">What its output means.</param>
/// <param name="Output">The output; the first if null.</param>
public sealed record InnerTask(OnnxModel Model, InnerAnswer Answer, string? Output = null);
