using TorchSharp;

namespace DiffeoNN.Onnx.Inference;

/// <summary>A network's answer on a canonical image, and the way back.</summary>
/// <param name="Output">Shape (1, ...): the network's output after its activation.</param>
/// <param name="Displacement">Canonical to input, (1, 2, H, W); null where the image was not warped.</param>
/// <param name="Inverse">Input to canonical, (1, 2, H, W); null where the image was not warped.</param>
internal sealed record MappedAnswer(torch.Tensor Output, torch.Tensor? Displacement, torch.Tensor? Inverse);
