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

    /// <summary>Images held out, at most: no choice and no verdict looks at more.</summary>
    internal const int MostHeldOut = 2000;

    private const double LeastCorrelation = 0.1;
    private readonly torch.Tensor _pixels;
    private readonly torch.Tensor? _part;

    private FitImages(torch.Tensor pixels, int count, IEvaluationData heldOut, ImagePass pass, FitTruth? truth)
    {
        _pixels = pixels;
        var used = count == pixels.shape[0] ? pixels : _part = pixels.narrow(0, 0, count);
        Training = truth?.With(used) ?? new TrainingImages(used);
        HeldOut = heldOut;
        (Digest, TruthDigest, Skipped) = (pass.Digest, pass.TruthDigest, pass.Problems);
    }

    /// <summary>What is trained on, with its truth where that is learned from.</summary>
    public TrainingImages Training { get; }

    /// <summary>What is held out, with its truth where the data has one; images that are much larger than what the network takes are
    /// reduced, and what is true of them with them.</summary>
    public IEvaluationData HeldOut { get; }

    /// <summary>One line for each image that was left out because it cannot be used; see <see cref="FitOptions.SkipsBad"/>.</summary>
    public IReadOnlyList<string> Skipped { get; }

    /// <summary>The same for the same images: their names, sizes and what is seen of their content.</summary>
    internal string Digest { get; }

    /// <summary>The same for the same truth of them; null where it does not matter.</summary>
    internal string? TruthDigest { get; }

    /// <summary>Reads images and holds some of them out. Each is opened once, those held out too.</summary>
    /// <param name="images">Undeformed images.</param>
    /// <param name="validation">Others, to be held out; null to hold out a share of <paramref name="images"/>.</param>
    /// <param name="spec">What the bundle works on.</param>
    /// <param name="options">Share, seed, most bytes, and whether to leave out what cannot be used.</param>
    /// <param name="progress">Told of every image that was read.</param>
    /// <param name="cancellationToken">Stops between two images.</param>
    /// <exception cref="DataException">There are too few images, some cannot be used, all are the same, or they are noise.</exception>
    public static FitImages Read(
        IEvaluationData images, IEvaluationData? validation, ImageSpec spec, FitOptions options, Action<int, int>? progress = null,
        CancellationToken cancellationToken = default) => Read(images, validation, spec, spec, null, options, progress, cancellationToken);

    /// <summary>As the other one, with what the network takes, and what is to be true of the images; null where that is not asked. It stays
    /// the caller's and lives as long as the images.</summary>
    internal static FitImages Read(
        IEvaluationData images, IEvaluationData? validation, ImageSpec spec, ImageSpec network, FitTruth? truth, FitOptions options,
        Action<int, int>? progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(options);
        var (training, held) = validation is null ? Divided(images.Count, options) : (Range(images.Count), Range(validation.Count));
        RefuseFew(images.Count, training.Length, held.Length, "");
        var bytes = (long)(spec.Channels + (truth?.BytesOfPixel ?? 0)) * spec.Height * spec.Width;
        var most = (int)Math.Min(int.MaxValue, Math.Max(FewestImages, options.ImageBytes / bytes));
        if (training.Length > most)
            training = [.. Enumerable.Range(0, most).Select(i => training[(int)((long)i * training.Length / most)])];
        held = held[..Math.Min(held.Length, MostHeldOut)];
        using var pass = new ImagePass(spec.Channels, truth, training.Length + held.Length, progress, cancellationToken);
        foreach (var problem in images.Problems.Union(validation?.Problems ?? [])) pass.Add(problem);
        var pixels = torch.empty([training.Length, spec.Channels, spec.Height, spec.Width], torch.ScalarType.Byte);
        try
        {
            var count = Fill(pixels, images, training, spec, pass, truth);
            var heldOut = HoldOut(validation ?? images, held, (Math.Max(spec.Height, network.Height), Math.Max(spec.Width, network.Width)),
                pass);
            if (!options.SkipsBad) pass.RefuseBad(images.Name);
            if (pass.Problems.Count > 0)
            {
                RefuseFew(count + heldOut.Count, count, heldOut.Count, FormattableString.Invariant(
                    $" that can be used, besides {pass.Problems.Count} that cannot (the first: {pass.Problems[0].TrimEnd('.')})"));
            }

            var found = new FitImages(pixels, count, heldOut, pass, truth);
            found.Refuse(images.Name);
            return found;
        }
        catch
        {
            pixels.Dispose();
            throw;
        }

        void RefuseFew(int all, int toTrain, int toHold, string which)
        {
            if (toTrain >= FewestImages && toHold >= FewestHeldOut) return;
            throw new DataException(
                (validation is null
                    ? $"'{images.Name}' has {all} images{which}; a fit needs at least {FewestImages + FewestHeldOut}"
                    : $"'{images.Name}' has {toTrain} images to train on and {toHold} to validate on{which}; a fit needs at least "
                        + FewestImages)
                + ", and some hundreds to be good.");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _part?.Dispose();
        _pixels.Dispose();
    }

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

    /// <summary>Fills the tensor from its start with what can be used.</summary>
    /// <returns>How many images that is.</returns>
    private static unsafe int Fill(
        torch.Tensor pixels, IEvaluationData images, int[] chosen, ImageSpec spec, ImagePass pass, FitTruth? truth)
    {
        truth?.Begin(chosen.Length, spec);
        var size = spec.Channels * spec.Height * spec.Width;
        // One pass over the memory that lies there already: a tensor an image would double it.
        var target = new Span<byte>((void*)TensorMemory.Address(pixels), checked(size * chosen.Length));
        var count = 0;
        foreach (var index in chosen)
        {
            if (pass.Read(images, index, isHeldOut: false) is not { } sample) continue;
            var resized = ImageResampler.Resize(sample.Image.WithChannels(spec.Channels), spec.Height, spec.Width);
            var own = target.Slice(count++ * size, size);
            for (var p = 0; p < size; p++) own[p] = (byte)Math.Clamp(Math.Round(255 * resized.Data[p]), 0, 255);
            truth?.Take(sample);
            pass.Take(sample, own);
        }

        return count;
    }

    /// <summary>Opens what is held out, and leaves out what cannot be used.</summary>
    private static IEvaluationData HoldOut(IEvaluationData data, int[] held, (int Height, int Width) size, ImagePass pass)
    {
        var (usable, kept) = (new List<int>(), new Dictionary<int, EvaluationSample>());
        var (isReduced, free) = (false, ReducedImages.MostBytes);
        foreach (var index in held)
        {
            if (pass.Read(data, index, isHeldOut: true) is not { } sample) continue;
            var seen = ReducedImages.Reduced(sample, size);
            pass.Take(sample, MemoryMarshal.AsBytes(seen.Image.Data));
            if (seen != sample)
            {
                isReduced = true;
                free -= ReducedImages.BytesOf(seen);
                if (free >= 0) kept.Add(usable.Count, seen);
            }

            usable.Add(index);
        }

        var chosen = usable.Count == data.Count && usable.SequenceEqual(Range(data.Count)) ? data : new ChosenImages(data, [.. usable]);
        return isReduced ? new ReducedImages(chosen, size, kept) : chosen;
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
