using DiffeoNN.Onnx.Canonicalisation;

namespace DiffeoNN.Onnx.Inference;

/// <summary>A batch that was canonicalised, its answers still at the bundle's size: each is carried back when it is asked for.</summary>
/// <remarks>Owns its tensors.</remarks>
public sealed class EquivariantBatch : IDisposable
{
    private readonly IReadOnlyList<PendingImage> _images;
    private bool _ownsFields = true;

    internal EquivariantBatch(CanonicalisationResult fields, TimeSpan inferenceTime, IReadOnlyList<PendingImage> images) =>
        (Fields, InferenceTime, _images) = (fields, inferenceTime, images);

    /// <summary>Number of images.</summary>
    public int Count => _images.Count;

    /// <summary>Canonical images, velocities, displacements and inverse displacements at the bundle's size, and the time each stage
    /// took.</summary>
    public CanonicalisationResult Fields { get; }

    /// <summary>Time of proposer and inner model together.</summary>
    public TimeSpan InferenceTime { get; }

    /// <summary>The answer for an image, to be carried back; stays this object's.</summary>
    /// <param name="index">Which image, in the order given.</param>
    public MappedOutput Answer(int index) => _images[index].Answer;

    /// <summary>What became of an image, with an answer of <see cref="Answer"/>.</summary>
    /// <param name="index">Which image.</param>
    /// <param name="answer">Its answer: <see cref="MappedOutput.ToOutput"/>, or <see cref="MappedOutput.ToSummary"/> where planes are not
    /// needed.</param>
    public EquivariantImage Image(int index, ModelOutput answer)
    {
        var image = _images[index];
        return new EquivariantImage(answer, image.Input, image.Canonical, image.CanonicalOutput, image.Canonicalisation)
        {
            Maps = image.Maps,
        };
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var image in _images) image.Answer.Dispose();
        if (_ownsFields) Fields.Dispose();
    }

    /// <summary>All answers whole; the fields are the result's from here on.</summary>
    internal EquivariantResult ToResult()
    {
        var images = _images.Select((image, i) => Image(i, image.Answer.ToOutput())).ToList();
        _ownsFields = false;
        return new EquivariantResult(images, Fields, InferenceTime);
    }
}
