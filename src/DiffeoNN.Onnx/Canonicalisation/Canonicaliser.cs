using DiffeoNN.Onnx.Energies;
using TorchSharp;

namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>
/// Finds, for each image of a batch, the diffeomorphism exp(v) that makes it look most like the images an energy was trained on:
/// minimises E(x(p + u(p))) + smoothness(v) + orientation(u) over v by Adam.
/// </summary>
/// <remarks>
/// The best iterate of each image is the result; the start and the iterate after the last update count, so the total never gets worse.
/// Each image stops by itself while the batch goes on, and stopped images leave the batch. Same images, options and device give the same
/// bits (unless a time budget cuts a run short). An instance keeps no state between runs; whether runs may overlap is up to the energy.
/// </remarks>
public sealed class Canonicaliser
{
    private readonly IEnergy _energy;

    /// <summary>Prepares runs.</summary>
    /// <param name="energy">What to minimise; stays the caller's.</param>
    /// <param name="options">How to search; defaults if null.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is outside its range.</exception>
    public Canonicaliser(IEnergy energy, CanonicaliserOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(energy);
        _energy = energy;
        Options = options ?? new CanonicaliserOptions();
        Options.Validate();
    }

    /// <summary>How runs search.</summary>
    public CanonicaliserOptions Options { get; }

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
        using var scope = torch.NewDisposeScope();
        using var run = new CanonicalisationRun(_energy, Options, images, start);
        run.Optimise(progress, cancellationToken);
        return run.Finish();
    }

    private static void Check(torch.Tensor images, torch.Tensor? start)
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
        if (start.size(0) != images.size(0) || start.dtype != images.dtype)
        {
            throw new ArgumentException(
                $"start has shape {Fields.SamplingGrid.Shape(start)} and type {start.dtype}; "
                + $"{images.size(0)} images need ({images.size(0)}, 2, h, w), float32.", nameof(start));
        }
    }
}
