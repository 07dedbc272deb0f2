using System.Runtime.InteropServices;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.RandomNumbers;
using DiffeoNN.Onnx.Tensors;
using DiffeoNN.Onnx.Training.Fitting;
using TorchSharp;

namespace DiffeoNN.Onnx.Training.Fit;

/// <summary>Undeformed images: some to train on, in memory at the bundle's size; the others are held out.</summary>
public sealed class FitImages : IDisposable
{
    /// <summary>Images to train on below which a fit is refused.</summary>
    public const int FewestImages = 16;

    /// <summary>Images held out, at least.</summary>
    public const int FewestHeldOut = 4;

    private const double LeastCorrelation = 0.1;
    private readonly torch.Tensor _pixels;

    private FitImages(torch.Tensor pixels, IEvaluationData heldOut)
    {
        _pixels = pixels;
        Training = new TrainingImages(pixels);
        HeldOut = heldOut;
    }

    /// <summary>What is trained on.</summary>
    public TrainingImages Training { get; }

    /// <summary>What is held out, with its truth where the data has one.</summary>
    public IEvaluationData HeldOut { get; }

    /// <summary>Reads images and holds some of them out.</summary>
    /// <param name="images">Undeformed images.</param>
    /// <param name="validation">Others, to be held out; null to hold out a share of <paramref name="images"/>.</param>
    /// <param name="spec">What the bundle works on.</param>
    /// <param name="options">Share, seed and most bytes.</param>
    /// <param name="progress">Told of every image that was read.</param>
    /// <param name="cancellationToken">Stops between two images.</param>
    /// <exception cref="DataException">There are too few images, all are the same, or they are noise.</exception>
    /// <exception cref="ImageException">An image cannot be read or brought to the bundle's channels.</exception>
    public static FitImages Read(
        IEvaluationData images, IEvaluationData? validation, ImageSpec spec, FitOptions options, Action<int, int>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(options);
        var (training, heldOut) = validation is null ? Divided(images.Count, options) : (Range(images.Count), []);
        var fewest = FewestImages + (validation is null ? FewestHeldOut : 0);
        if (training.Length < FewestImages || (validation?.Count ?? heldOut.Length) < FewestHeldOut)
        {
            throw new DataException(
                $"'{images.Name}' has {images.Count} images"
                + $"{(validation is null ? "" : $" to train on and {validation.Count} to validate on")}; "
                + $"a fit needs at least {(validation is null ? fewest : FewestImages)}, and some hundreds to be good.");
        }

        var bytes = (long)spec.Channels * spec.Height * spec.Width;
        var most = (int)Math.Min(int.MaxValue, Math.Max(FewestImages, options.ImageBytes / bytes));
        if (training.Length > most)
            training = [.. Enumerable.Range(0, most).Select(i => training[(int)((long)i * training.Length / most)])];
        var pixels = torch.empty([training.Length, spec.Channels, spec.Height, spec.Width], torch.ScalarType.Byte);
        try
        {
            Fill(pixels, images, training, spec, progress, cancellationToken);
            var found = new FitImages(pixels, validation ?? new ChosenImages(images, heldOut));
            found.Refuse(images.Name);
            return found;
        }
        catch
        {
            pixels.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _pixels.Dispose();

    private static (int[] Training, int[] HeldOut) Divided(int count, FitOptions options)
    {
        var random = SplitMix64.ForItem(options.Seed, 0x48656c64);
        var order = Range(count);
        for (var i = count - 1; i > 0; i--)
        {
            var j = (int)(random.Next() % (ulong)(i + 1));
            (order[i], order[j]) = (order[j], order[i]);
        }

        var held = Math.Max(FewestHeldOut, (int)Math.Round(options.ValidationShare * count));
        return ([.. order.Skip(held).Order()], [.. order.Take(held)]);
    }

    private static int[] Range(int count) => [.. Enumerable.Range(0, count)];

    private static unsafe void Fill(
        torch.Tensor pixels, IEvaluationData images, int[] chosen, ImageSpec spec, Action<int, int>? progress,
        CancellationToken cancellationToken)
    {
        var size = spec.Channels * spec.Height * spec.Width;
        // One pass over the memory that lies there already: a tensor an image would double it.
        var target = new Span<byte>((void*)TensorMemory.Address(pixels), checked(size * chosen.Length));
        for (var i = 0; i < chosen.Length; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var image = images.Read(chosen[i]).Image;
            if (!image.CanBecome(spec.Channels))
            {
                throw new ImageException(
                    $"'{images.Name}' image {chosen[i]} has {image.Channels} channels, and the network takes {spec.Channels}; only grey "
                    + "and RGB become each other.");
            }

            var resized = ImageResampler.Resize(image.WithChannels(spec.Channels), spec.Height, spec.Width);
            var own = target.Slice(i * size, size);
            for (var p = 0; p < size; p++) own[p] = (byte)Math.Clamp(Math.Round(255 * resized.Data[p]), 0, 255);
            progress?.Invoke(i + 1, chosen.Length);
        }
    }

    /// <summary>What no energy can be learned from.</summary>
    private void Refuse(string name)
    {
        using var scope = torch.NewDisposeScope();
        var some = Training.Batch([.. Enumerable.Range(0, Math.Min(64, Training.Count))]);
        if (some.Minus(some.narrow(0, 0, 1)).abs().max().item<float>() < 1.5f / 255)
        {
            throw new DataException(
                $"The images of '{name}' are all the same; a fit learns how images of a kind vary. Give different images of the kind that "
                + "the network was trained on.");
        }

        var centred = some.Minus(some.mean([2, 3], keepdim: true));
        double Correlation(int dimension) => centred.narrow(dimension, 0, centred.size(dimension) - 1)
            .mul(centred.narrow(dimension, 1, centred.size(dimension) - 1)).mean().item<float>()
            / Math.Max(1e-12, centred.mul(centred).mean().item<float>());
        var correlation = Math.Max(Correlation(2), Correlation(3));
        if (correlation < LeastCorrelation)
        {
            throw new DataException(FormattableString.Invariant(
                $"The images of '{name}' are noise: neighbouring pixels have nothing to do with each other (correlation {correlation:F2}).")
                + " Deforming them means nothing; give images of the kind that the network was trained on.");
        }
    }
}
