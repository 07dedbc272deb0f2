using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Training.Fit;

/// <summary>Images held out that are much larger than what the network looks at, reduced to a size a little above that, with what is true
/// of them: else time and memory would go into pixels that nobody sees.</summary>
/// <param name="images">As their files have them.</param>
/// <param name="size">Rows and columns that the network and the bundle look at.</param>
/// <param name="kept">Some of them, reduced already.</param>
internal sealed class ReducedImages(IEvaluationData images, (int Height, int Width) size, IReadOnlyDictionary<int, EvaluationSample> kept)
    : IEvaluationData
{
    /// <summary>Bytes of reduced images that are kept in memory at most; others are read again.</summary>
    public const long MostBytes = 256L << 20;

    // How much finer images stay than what is looked at: a deformed image loses less to resampling so.
    private const double Finer = 2;

    /// <inheritdoc/>
    public string Name => images.Name;

    /// <inheritdoc/>
    public string? Split => images.Split;

    /// <inheritdoc/>
    public string? Source => images.Source;

    /// <inheritdoc/>
    public int Count => images.Count;

    /// <inheritdoc/>
    public IReadOnlyList<string> Problems => images.Problems;

    /// <inheritdoc/>
    public EvaluationSample Read(int index) => kept.TryGetValue(index, out var sample)
        ? sample with { Image = sample.Image.Clone() }
        : Reduced(images.Read(index), size);

    /// <summary>Memory that a sample takes, about.</summary>
    public static long BytesOf(EvaluationSample sample) =>
        (sizeof(float) * (long)sample.Image.Data.Length) + (sample.Mask?.Labels.Length ?? 0) + 256;

    /// <summary>A sample, reduced where it is larger than needed; else itself.</summary>
    /// <param name="sample">Of any size.</param>
    /// <param name="size">Rows and columns that are looked at.</param>
    public static EvaluationSample Reduced(EvaluationSample sample, (int Height, int Width) size)
    {
        var (height, width) = SizeOf(sample.Image.Height, sample.Image.Width, size);
        if (height == sample.Image.Height && width == sample.Image.Width) return sample;
        double down = Scale(sample.Image.Height, height), across = Scale(sample.Image.Width, width);
        return sample with
        {
            Image = ImageResampler.Resize(sample.Image, height, width),
            Mask = sample.Mask is { } mask ? Nearest(mask, height, width) : null,
            Points = sample.Points is { } points ? [.. points.Select(Moved)] : null,
            Boxes = sample.Boxes is { } boxes ? [.. boxes.Select(box => box.Moved(Moved))] : null,
            Picture = sample.Picture is { } picture ? ImageResampler.Resize(picture, height, width) : null,
        };

        (double Column, double Row) Moved((double Column, double Row) place) => (place.Column * across, place.Row * down);
    }

    /// <summary>The size of a reduced image: its shape is kept as far as neither side falls below what is looked at.</summary>
    internal static (int Height, int Width) SizeOf(int height, int width, (int Height, int Width) size)
    {
        var most = Finer * Finer * size.Height * size.Width;
        if ((double)height * width <= most) return (height, width);
        var scale = Math.Sqrt(most / ((double)height * width));
        int leastHeight = Math.Min(height, size.Height), leastWidth = Math.Min(width, size.Width);
        int rows = Math.Max(leastHeight, (int)Math.Round(scale * height)), columns = Math.Max(leastWidth, (int)Math.Round(scale * width));
        if (rows > Math.Ceiling(scale * height)) columns = Math.Clamp((int)(most / rows), leastWidth, columns);
        else if (columns > Math.Ceiling(scale * width)) rows = Math.Clamp((int)(most / columns), leastHeight, rows);
        return (rows, columns);
    }

    // The first and the last pixel stay where they are, as everywhere.
    private static double Scale(int from, int to) => from > 1 ? (to - 1.0) / (from - 1) : 1;

    /// <summary>A mask of another size, each pixel as the nearest one of it.</summary>
    internal static LabelMap Nearest(LabelMap mask, int height, int width)
    {
        double down = Scale(mask.Height, height), across = Scale(mask.Width, width);
        int[] columns = [.. Enumerable.Range(0, width).Select(column => From(column, across, mask.Width))];
        var labels = new byte[height * width];
        for (var row = 0; row < height; row++)
        {
            var from = mask.Labels.Slice(From(row, down, mask.Height) * mask.Width, mask.Width);
            for (var column = 0; column < width; column++) labels[(row * width) + column] = from[columns[column]];
        }

        return new LabelMap(height, width, labels);

        static int From(int place, double scale, int size) => scale > 0 ? Math.Min(size - 1, (int)Math.Round(place / scale)) : 0;
    }
}
