using DiffeoNN.Onnx.Canonicalisation;
using TorchSharp;

namespace DiffeoNN.Onnx.Inference;

/// <summary>A batch's answers.</summary>
/// <param name="Fields">What stands for each image; the receiver's.</param>
/// <param name="Mapped">Answers on the images, (N, K, H, W), on the CPU.</param>
/// <param name="Final">Answers on the canonical images, same shape.</param>
/// <param name="Maps">Over how many maps each answer is the mean; 0 where the image was left as it is.</param>
/// <param name="InferenceTime">Time of proposer and network.</param>
internal sealed record PipelineResult(CanonicalisationResult Fields, torch.Tensor Mapped, torch.Tensor Final, int[] Maps, TimeSpan InferenceTime);
