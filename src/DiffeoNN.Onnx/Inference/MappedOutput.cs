using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Imaging;
using TorchSharp;

namespace DiffeoNN.Onnx.Inference;

/// <summary>The answer for one image before it is carried back: that happens when it is asked for, whole or some rows at a time, so that
/// memory is
/// bounded by what is asked for.</summary>
/// <remarks>Owns tensors of the bundle's size. Rows are the same bits however many are asked for at once.</remarks>
public sealed class MappedOutput : IDisposable
{
    /// <summary>Pixels of a tile of rows: some tens of bytes each are needed while they are computed.</summary>
    private const int TilePixels = 1 << 18;

    private readonly OutputMapping _mapping;
    private readonly IReadOnlyList<MappedAnswer> _answers = [];
    private readonly SamplingGrid _canonical;
    private readonly Lazy<ModelOutput>? _taken;

    internal MappedOutput(OutputMapping mapping, IReadOnlyList<MappedAnswer> answers, SamplingGrid canonical, int height, int width)
    {
        (_mapping, _answers, _canonical) = (mapping, answers, canonical);
        (Height, Width) = (height, width);
    }

    /// <summary>An answer that was carried back already, where the images were; it is of their size.</summary>
    internal MappedOutput(OutputMapping mapping, Func<ModelOutput> take, SamplingGrid canonical)
    {
        (_mapping, _taken, _canonical) = (mapping, new(take), canonical);
        (Height, Width) = (canonical.Height, canonical.Width);
    }

    /// <summary>What the answer means.</summary>
    public OutputKind Kind => _mapping.Kind;

    /// <summary>Rows of the image that the answer is for.</summary>
    public int Height { get; }

    /// <summary>Columns of the image that the answer is for.</summary>
    public int Width { get; }

    /// <summary>Planes of a segmentation (its classes; one for two of them may do) or an image; 0 for other answers.</summary>
    public int Channels => Kind is not (OutputKind.Segmentation or OutputKind.Image) ? 0
        : Ready is { Planes: { } planes } ? planes.Channels
        : (int)_answers[0].Output.size(1);

    /// <summary>The whole answer with all its planes.</summary>
    public ModelOutput ToOutput()
    {
        if (Ready is not null) return Ready;
        if (Channels == 0) return _mapping.Numbers(_answers, _canonical, Height, Width);
        var planes = new ImageBuffer(Channels, Height, Width);
        foreach (var (row, tile) in Tiles())
        {
            for (int c = 0; c < Channels; c++) tile.Plane(c).CopyTo(planes.Plane(c)[(row * Width)..]);
        }

        return _mapping.Answer(planes);
    }

    /// <summary>The answer without its planes: labels of a segmentation (a byte a pixel), scores, points, and of an image
    /// nothing.</summary>
    public ModelOutput ToSummary() => Channels == 0
        ? ToOutput()
        : new ModelOutput { Kind = Kind, Height = Height, Width = Width, Labels = Kind == OutputKind.Segmentation ? Labels() : null };

    /// <summary>Rows of all planes, or of one.</summary>
    /// <param name="first">The first row.</param>
    /// <param name="count">How many, at least 1.</param>
    /// <param name="channel">Which plane; null for all.</param>
    /// <exception cref="InvalidOperationException">The answer has no planes.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There are no such rows, or no such plane.</exception>
    public ImageBuffer Rows(int first, int count, int? channel = null)
    {
        if (Channels == 0) throw new InvalidOperationException($"An answer of kind {Kind} has no rows; ask for the whole.");
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Height - first);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)(channel ?? 0), (uint)Channels, nameof(channel));
        return Ready is { Planes: { } planes }
            ? Cut(planes, first, count, channel)
            : _mapping.Rows(_answers, Height, Width, first, count, channel);
    }

    /// <summary>All rows from the top, a tile at a time.</summary>
    /// <param name="channel">Which plane; null for all.</param>
    /// <exception cref="InvalidOperationException">The answer has no planes.</exception>
    public IEnumerable<(int FirstRow, ImageBuffer Rows)> Tiles(int? channel = null)
    {
        int rows = Math.Max(1, TilePixels / Width);
        for (int row = 0; row < Height; row += rows) yield return (row, Rows(row, Math.Min(rows, Height - row), channel));
    }

    private ModelOutput? Ready => _taken?.Value;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var answer in _answers) answer.Dispose();
    }

    private static ImageBuffer Cut(ImageBuffer planes, int first, int count, int? channel)
    {
        var rows = new ImageBuffer(channel is null ? planes.Channels : 1, count, planes.Width);
        for (int c = 0; c < rows.Channels; c++)
            planes.Plane(channel ?? c).Slice(first * planes.Width, count * planes.Width).CopyTo(rows.Plane(c));
        return rows;
    }

    private LabelMap Labels()
    {
        if (Ready is { Labels: { } known }) return known;
        var labels = new byte[(long)Height * Width];
        foreach (var (row, tile) in Tiles()) LabelMap.FromProbabilities(tile).Labels.CopyTo(labels.AsSpan(row * Width));
        return new LabelMap(Height, Width, labels);
    }
}
