using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Search;
using TorchSharp;

namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>
/// Finds, for each image of a batch, the diffeomorphism exp(v) that makes it look most like the images an energy was trained on:
/// minimises E(x(p + u(p))) + smoothness(v) + orientation(u) over v by Adam.
/// </summary>
/// <remarks>
/// The best iterate of each image is the result; the start and the iterate after the last update count, so the total never gets worse.
/// A map whose certificate fails, or whose energy did not fall as the options ask, is not used: the image is left as it is, and says why.
/// Each image stops by itself while the batch goes on, and stopped images leave the batch. Same images, options and device give the same
/// bits (unless a time budget cuts a run short). An instance keeps no state between runs; whether runs may overlap is up to the energy.
/// </remarks>
public sealed class Canonicaliser
{
    private readonly IEnergy _energy;
    private readonly ISearchFields _fields;

    /// <summary>Prepares runs.</summary>
    /// <param name="energy">What to minimise; stays the caller's.</param>
    /// <param name="options">How to search; defaults if null.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is outside its range.</exception>
    public Canonicaliser(IEnergy energy, SearchSpec? options = null)
        : this(energy, options, null)
    {
    }

    /// <summary>Prepares runs whose fields something else than libtorch computes.</summary>
    internal Canonicaliser(IEnergy energy, SearchSpec? options, ISearchFields? fields)
    {
        ArgumentNullException.ThrowIfNull(energy);
        _energy = energy;
        _fields = fields ?? new TorchFields(energy);
        Options = options ?? new SearchSpec();
        Options.Validate();
    }

    /// <summary>How runs search.</summary>
    public SearchSpec Options { get; }

    /// <summary>Canonicalises a batch.</summary>
    /// <param name="images">Shape (N, C, H, W), float32, in the range the energy expects; left untouched.</param>
    /// <param name="start">Velocities to start from, one an image: shape (N, 2, h, w) on a lattice of any size whose corners lie on the
    /// image's, component 0 is x, in the library's unit; carried to the pixels bilinearly. Zero if null.</param>
    /// <param name="progress">Told after every iterate, on the calling thread unless it arranges otherwise.</param>
    /// <param name="cancellationToken">Ends the run within one step.</param>
    /// <returns>The caller disposes it.</returns>
    /// <exception cref="ArgumentException">Shapes or types are wrong.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled; nothing is left behind.</exception>
    public CanonicalisationResult Run(
        torch.Tensor images,
        torch.Tensor? start = null,
        IProgress<CanonicalisationProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        Check(images, start);
        return _fields.Search(Options, images, start, progress, cancellationToken);
    }

    /// <summary>Canonicalises a batch from several starts: all are scored by the energy of the image they lead to, in batches,
    /// the best of each image are refined together, and the best result that is accepted is kept.</summary>
    /// <param name="images">As for one start.</param>
    /// <param name="starts">At least one, each for all images (N, 2, h, w), or the same for each (1, 2, h, w).
    /// The regulariser acts on the deviation from the start. Earlier ones win ties.</param>
    /// <param name="refined">How many of each image are refined, at least 1.</param>
    /// <param name="progress">Told after every iterate; a best total is that of the best of an image's starts.</param>
    /// <param name="cancellationToken">Ends the run within one step.</param>
    /// <returns>The caller disposes it; <see cref="ImageCanonicalisation.Start"/> tells which start led to each result.</returns>
    /// <exception cref="ArgumentException">Shapes or types are wrong, or there is no start.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="refined"/> is below 1.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled; nothing is left behind.</exception>
    public CanonicalisationResult Run(
        torch.Tensor images,
        IReadOnlyList<torch.Tensor> starts,
        int refined,
        IProgress<CanonicalisationProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(starts);
        ArgumentOutOfRangeException.ThrowIfLessThan(refined, 1);
        if (starts.Count == 0)
            throw new ArgumentException("No start is given; a search needs at least one.", nameof(starts));
        return Run(images, starts.Select(start => new SearchStart(start, Options)).ToArray(), refined, progress, cancellationToken);
    }

    /// <summary>The same with settings of each start's own, which the caller has checked.</summary>
    internal CanonicalisationResult Run(
        torch.Tensor images, SearchStart[] starts, int refined, IProgress<CanonicalisationProgress>? progress,
        CancellationToken cancellationToken)
    {
        Check(images, null);
        foreach (var start in starts)
            Check(images, start.Velocity, mayBeShared: true);
        return new StartSearch(_energy, _fields, Options).Run(images, starts, refined, progress, cancellationToken);
    }

    internal static void Check(torch.Tensor images, torch.Tensor? start, bool mayBeShared = false)
    {
        ArgumentNullException.ThrowIfNull(images);
        if (images.dim() != 4 || images.dtype != torch.ScalarType.Float32 || images.shape.Any(size => size == 0)
            || images.size(2) < 2 || images.size(3) < 2)
        {
            throw new ArgumentException(
                $"images have shape {Fields.SamplingGrid.Shape(images)} and type {images.dtype}; "
                + "canonicalisation needs (N, C, height, width), float32, with at least 2x2 pixels.", nameof(images));
        }

        if (start is null)
            return;
        Fields.SamplingGrid.OfField(start, nameof(start));
        if ((start.size(0) != images.size(0) && !(mayBeShared && start.size(0) == 1)) || start.dtype != images.dtype)
        {
            throw new ArgumentException(
                $"start has shape {Fields.SamplingGrid.Shape(start)} and type {start.dtype}; "
                + $"{images.size(0)} images need ({images.size(0)}, 2, h, w), float32.", nameof(start));
        }
    }
}
