using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Inference;

namespace DiffeoNN.Onnx.Serving.Repository;

/// <summary>What a bundle made of an image, as far as outputs were asked for that need it.</summary>
/// <param name="Search">The search's batch, of this image alone; null where no output needs one.</param>
/// <param name="Alone">The network's answer to the image as it is; null where no output needs it.</param>
internal readonly record struct AnsweredImage(EquivariantBatch? Search, MappedOutput? Alone);
