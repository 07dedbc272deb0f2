using TorchSharp;

namespace DiffeoNN.Onnx.Training;

/// <summary>One part of a step: an objective and its data. The gradients of a step's parts are summed with their weights.</summary>
/// <param name="Objective">What is minimised.</param>
/// <param name="Data">A tensor for each of its inputs, contiguous, on the CPU; left untouched.</param>
/// <param name="Weight">Of its loss in the step's: 1 / n for n parts of one batch that does not fit into memory.</param>
public sealed record TrainingBatch(Objective Objective, IReadOnlyDictionary<string, torch.Tensor> Data, double Weight = 1);
