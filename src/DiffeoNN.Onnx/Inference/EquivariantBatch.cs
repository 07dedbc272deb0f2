using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Canonicalisation;

namespace DiffeoNN.Onnx.Inference;

/// <summary>A batch that was canonicalised: its answers are carried back, and its fields are fetched from the device, when they are asked
/// for.</summary>
/// <remarks>Owns its tensors, on the device, too. May be asked on any one thread, also while the model runs the next batch.</remarks>
public sealed class EquivariantBatch : IDisposable
{
    private readonly IReadOnlyList<PendingImage> _images;
    private readonly Lazy<CanonicalisationResult> _fields;
    private readonly IDisposable? _source;
    private bool _ownsFields = true;
    private int _disposed;

    /// <param name="fields">Gives the fields when they are first asked for; they are this object's.</param>
    /// <param name="times">Where the time went.</param>
    /// <param name="inferenceTime">Time of proposer and inner model.</param>
    /// <param name="images">One an image.</param>
    /// <param name="source">Disposed with the batch.</param>
    internal EquivariantBatch(
        Func<CanonicalisationResult> fields, StageTimes times, TimeSpan inferenceTime, IReadOnlyList<PendingImage> images,
        IDisposable? source = null)
    {
        (_images, _source) = (images, source);
        (Times, InferenceTime) = (times, inferenceTime);
        // What is at hand is owned from the start.
        _fields = source is null ? new(fields()) : new(fields);
    }

    /// <summary>Number of images.</summary>
    public int Count => _images.Count;

    /// <summary>Canonical images, velocities, displacements and inverse displacements at the bundle's size;
    /// fetched from the device when first asked for.</summary>
    public CanonicalisationResult Fields => _fields.Value;

    /// <summary>The time each stage of canonicalisation took.</summary>
    public StageTimes Times { get; }

    /// <summary>Time of proposer and inner model together.</summary>
    public TimeSpan InferenceTime { get; }

    /// <summary>The answer for an image, to be carried back; stays this object's.</summary>
    /// <param name="index">Which image, in the order given.</param>
    public MappedOutput Answer(int index) => _images[index].Answer;

    /// <summary>How the canonical image of an image was found, and whether it is used.</summary>
    /// <param name="index">Which image.</param>
    public ImageCanonicalisation Canonicalisation(int index) => _images[index].Canonicalisation;

    /// <summary>Over how many maps the answer for an image is the mean; see <see cref="EquivariantImage.Maps"/>.</summary>
    /// <param name="index">Which image.</param>
    public int Maps(int index) => _images[index].Maps;

    /// <summary>What became of an image, with an answer of <see cref="Answer"/>.</summary>
    /// <param name="index">Which image.</param>
    /// <param name="answer">Its answer: <see cref="MappedOutput.ToOutput"/>, or <see cref="MappedOutput.ToSummary"/> where planes are not
    /// needed.</param>
    public EquivariantImage Image(int index, ModelOutput answer)
    {
        var image = _images[index];
        return new EquivariantImage(answer, image.Input, image.Canonical(), image.CanonicalOutput(), image.Canonicalisation)
        {
            Maps = image.Maps,
        };
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        foreach (var image in _images) image.Answer.Dispose();
        if (_ownsFields && _fields.IsValueCreated) _fields.Value.Dispose();
        _source?.Dispose();
    }

    /// <summary>Batches of one image each, which share what this one holds; the last to be disposed disposes it, and nobody else is to.
    /// They may be used and disposed on different threads.</summary>
    internal IReadOnlyList<EquivariantBatch> Apart()
    {
        if (Count == 1) return [this];
        var whole = new Shared(this, Count);
        return [.. _images.Select((image, i) => new EquivariantBatch(() => Fields.Row(i), Times, InferenceTime, [image], whole))];
    }

    /// <summary>All answers whole; the fields are the result's from here on.</summary>
    internal EquivariantResult ToResult()
    {
        var images = new EquivariantImage[Count];
        // The first one fetches what all share, which others would wait for. Where answers are carried back here, each takes all cores.
        images[0] = Image(0, _images[0].Answer.ToOutput());
        Parallel.For(1, Count, new ParallelOptions { MaxDegreeOfParallelism = _source is null ? 1 : -1 },
            i => images[i] = Image(i, _images[i].Answer.ToOutput()));
        var fields = Fields;
        _ownsFields = false;
        return new EquivariantResult(images, fields, InferenceTime);
    }

    private sealed class Shared(EquivariantBatch batch, int users) : IDisposable
    {
        public void Dispose()
        {
            if (Interlocked.Decrement(ref users) == 0) batch.Dispose();
        }
    }
}
