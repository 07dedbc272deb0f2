using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Inference;

/// <summary>What became of one image, its answer not yet carried back; see <see cref="EquivariantImage"/>.</summary>
internal sealed record PendingImage(
    MappedOutput Answer,
    ImageBuffer Input,
    Func<ImageBuffer> Canonical,
    Func<ModelOutput> CanonicalOutput,
    ImageCanonicalisation Canonicalisation,
    int Maps);
