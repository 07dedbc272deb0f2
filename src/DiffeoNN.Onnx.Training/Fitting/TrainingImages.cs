using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.RandomNumbers;
using TorchSharp;

namespace DiffeoNN.Onnx.Training.Fitting;

/// <summary>The undeformed images that energies and proposers learn from, in memory.</summary>
public sealed class TrainingImages
{
    private readonly torch.Tensor _images;
    private readonly Dictionary<long, int[]> _orders = [];
    private readonly Lock _lock = new();

    /// <summary>Takes images as they lie.</summary>
    /// <param name="images">(M, C, H, W) on the CPU: float32 in [0, 1], or uint8. It stays the caller's and lives as long as this.</param>
    /// <exception cref="TrainingException">The shape or type is another, or there is no image.</exception>
    public TrainingImages(torch.Tensor images)
    {
        ArgumentNullException.ThrowIfNull(images);
        if (images.dim() != 4 || images.size(0) < 1 || images.size(1) < 1 || images.size(2) < 2 || images.size(3) < 2
            || images.dtype is not (torch.ScalarType.Float32 or torch.ScalarType.Byte) || images.device_type != DeviceType.CPU)
            throw new TrainingException(
                $"The images to train on are {images.dtype} ({string.Join(", ", images.shape)}) on {images.device}; expected float32 in "
                + "[0, 1] or uint8, (images, channels, height, width), on the CPU.");
        Runtime.LoadTorch();
        _images = images;
        (Count, Channels) = ((int)images.size(0), (int)images.size(1));
        Grid = SamplingGrid.Of(images);
    }

    /// <summary>M.</summary>
    public int Count { get; }

    /// <summary>C.</summary>
    public int Channels { get; }

    /// <summary>Height and width.</summary>
    public SamplingGrid Grid { get; }

    /// <summary>The class of each image, (M), int64: what a proposer's task aims at besides the inner network's own answers, see
    /// <see cref="ProposerRecipeOptions.TruthShare"/>; null for those alone. It stays the caller's and lives as long as this. One kind of
    /// truth is used, in the order in which they stand here.</summary>
    /// <exception cref="TrainingException">The shape or type is another.</exception>
    public torch.Tensor? Labels
    {
        get;
        init => field = value is null || (value.dtype == torch.ScalarType.Int64 && value.dim() == 1 && value.size(0) == Count)
            ? value
            : throw new TrainingException(
                $"The labels are {value.dtype} ({string.Join(", ", value.shape)}); expected int64, one for each of {Count} images.");
    }

    /// <summary>The class of each pixel of each image, (M, H, W), uint8 or int64: as <see cref="Labels"/>. Pixels of 255 count nothing,
    /// where there are fewer than 256 classes.</summary>
    /// <exception cref="TrainingException">The shape or type is another.</exception>
    public torch.Tensor? Masks
    {
        get;
        init => field = value is null || (value.dtype is torch.ScalarType.Byte or torch.ScalarType.Int64
            && value.shape.SequenceEqual([Count, Grid.Height, Grid.Width]))
            ? value
            : throw new TrainingException(
                $"The masks are {value.dtype} ({string.Join(", ", value.shape)}); expected uint8 or int64, "
                + $"({Count}, {Grid.Height}, {Grid.Width}).");
    }

    /// <summary>Numbers of each image, (M, K), float32: as <see cref="Labels"/>, for networks that answer with values.</summary>
    /// <exception cref="TrainingException">The shape or type is another.</exception>
    public torch.Tensor? Numbers { get; init => field = Single(value, "numbers", 2, null); }

    /// <summary>Points of each image, (M, P, 2), float32, x first, in the unit of <see cref="InnerAnswer.Points"/>: as
    /// <see cref="Labels"/>.</summary>
    /// <exception cref="TrainingException">The shape or type is another.</exception>
    public torch.Tensor? Points { get; init => field = Single(value, "points", 3, 2); }

    /// <summary>Boxes of each image, (M, B, 4), float32, as <see cref="InnerAnswer.Boxes"/> have their corners, in any order; NaN where
    /// an image has fewer than others: as <see cref="Labels"/>. A box of the network that overlaps a true one is to come nearer to
    /// it.</summary>
    /// <exception cref="TrainingException">The shape or type is another.</exception>
    public torch.Tensor? Boxes { get; init => field = Single(value, "boxes", 3, 4); }

    /// <summary>For each of the M images, whether what is given above is known of it; null if of all. Of others the network's own answers
    /// are aimed at alone.</summary>
    /// <exception cref="TrainingException">There are more or fewer.</exception>
    public IReadOnlyList<bool>? Known
    {
        get;
        init => field = value is null || value.Count == Count
            ? value
            : throw new TrainingException($"It is said of {value.Count} images whether the truth is known; there are {Count}.");
    }

    /// <summary>Whether anything is known besides the images.</summary>
    internal bool HasTruth => (Labels ?? Masks ?? Numbers ?? Points ?? Boxes) is not null;

    /// <summary>The same images, of which nothing else is known.</summary>
    internal TrainingImages WithoutTruth() => HasTruth ? new TrainingImages(_images) : this;

    /// <summary>Numbers of the images that something is known of.</summary>
    internal long[] KnownOnes() => [.. Enumerable.Range(0, Count).Where(i => Known is null || Known[i]).Select(i => (long)i)];

    /// <summary>The images of a step: every image once, in an order drawn anew, then all of them again.</summary>
    /// <param name="step">From 0.</param>
    /// <param name="batch">How many.</param>
    /// <param name="seed">Of the orders.</param>
    internal int[] Choose(int step, int batch, ulong seed)
    {
        var chosen = new int[batch];
        for (var i = 0; i < batch; i++)
        {
            var (epoch, place) = Math.DivRem(((long)step * batch) + i, Count);
            chosen[i] = Order(epoch, seed)[place];
        }

        return chosen;
    }

    /// <summary>Some images as float32 in [0, 1]; the caller disposes them.</summary>
    internal torch.Tensor Batch(int[] chosen)
    {
        using var scope = torch.NewDisposeScope();
        var batch = _images.index_select(0, torch.tensor(chosen.Select(i => (long)i).ToArray()));
        return (batch.dtype == torch.ScalarType.Byte ? batch.to(torch.float32).mul_(1f / 255) : batch).MoveToOuterDisposeScope();
    }

    private torch.Tensor? Single(torch.Tensor? value, string what, int rank, long? last)
    {
        if (value is null || (value.dtype == torch.ScalarType.Float32 && value.dim() == rank && value.size(0) == Count
            && value.size(rank - 1) == (last ?? value.size(rank - 1)) && value.device_type == DeviceType.CPU))
            return value;
        throw new TrainingException(
            $"The {what} are {value.dtype} ({string.Join(", ", value.shape)}); expected float32, ({Count}, "
            + $"{(rank == 2 ? "numbers" : $"{what}, {last}")}), on the CPU.");
    }

    private int[] Order(long epoch, ulong seed)
    {
        lock (_lock)
        {
            // Batches lie in one epoch, or in two that meet.
            var key = unchecked(epoch ^ (long)(seed << 32));
            if (_orders.TryGetValue(key, out var known))
                return known;
            if (_orders.Count > 8)
                _orders.Clear();
            var random = SplitMix64.ForItem(seed, epoch);
            var order = Enumerable.Range(0, Count).ToArray();
            for (var i = Count - 1; i > 0; i--)
            {
                var j = (int)(random.Next() % (ulong)(i + 1));
                (order[i], order[j]) = (order[j], order[i]);
            }

            return _orders[key] = order;
        }
    }
}
