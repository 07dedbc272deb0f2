using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Imaging;
using TorchSharp;

namespace DiffeoNN.Onnx.Answers;

/// <summary>The answer for one image before it is carried back: that happens when it is asked for, whole or some rows at a time, so that
/// memory is
/// bounded by what is asked for.</summary>
/// <remarks>Owns tensors of the bundle's size. Rows are the same bits however many are asked for at once.</remarks>
public sealed class MappedOutput : IDisposable
{
    /// <summary>Pixels of a tile of rows: some tens of bytes each are needed while they are computed.</summary>
    private const int TilePixels = 1 << 18;

    private readonly AnswerKind _kind;
    private readonly IReadOnlyList<MappedAnswer> _answers = [];
    private readonly SamplingGrid _canonical;
    private readonly Lazy<ModelOutput>? _taken;

    internal MappedOutput(OutputSpec spec, IReadOnlyList<MappedAnswer> answers, SamplingGrid canonical, int height, int width)
    {
        (Spec, _kind, _answers, _canonical) = (spec, AnswerKinds.Of(spec), answers, canonical);
        (Height, Width) = (height, width);
    }

    /// <summary>An answer that was carried back already, where the images were; it is of their size.</summary>
    internal MappedOutput(OutputSpec spec, Func<ModelOutput> take, SamplingGrid canonical)
    {
        (Spec, _kind, _taken, _canonical) = (spec, AnswerKinds.Of(spec), new(() => Named(take())), canonical);
        (Height, Width) = (canonical.Height, canonical.Width);
    }

    /// <summary>What the manifest says of it.</summary>
    public OutputSpec Spec { get; }

    /// <summary>What the answer means.</summary>
    public OutputKind Kind => Spec.Kind;

    /// <summary>What results call it.</summary>
    public string Name => Spec.Title;

    /// <summary>The answers of the network's further outputs for the same image, in the manifest's order; disposed with this
    /// one.</summary>
    public IReadOnlyList<MappedOutput> Further { get; internal init; } = [];

    /// <summary>This answer and the further ones.</summary>
    public IEnumerable<MappedOutput> All => Further.Prepend(this);

    /// <summary>Rows of the image that the answer is for.</summary>
    public int Height { get; }

    /// <summary>Columns of the image that the answer is for.</summary>
    public int Width { get; }

    /// <summary>Planes of a segmentation (its classes; one for two of them may do) or an image; 0 for other answers.</summary>
    public int Channels => Ready is { } ready ? ready.Planes?.Channels ?? 0 : _kind.Channels(_answers[0]);

    /// <summary>Whether panels show the answer's own picture instead of marks over the image.</summary>
    public bool IsPicture => _kind.IsPicture;

    /// <summary>Names of the regions of a segmentation by their number; null for others.</summary>
    public IReadOnlyList<string>? Legend => _kind.Legend(this);

    /// <summary>The answer where it was carried back already.</summary>
    internal ModelOutput? Ready => _taken?.Value;

    /// <summary>The whole answer with all its planes, and the further ones.</summary>
    public ModelOutput ToOutput() => Whole() with { Further = [.. Further.Select(other => other.ToOutput())] };

    /// <summary>The answer without its planes: labels of a segmentation (a byte a pixel), scores, points, and of an image
    /// nothing; and the further ones.</summary>
    public ModelOutput ToSummary() => (Channels == 0 ? Whole() : Named(_kind.SummaryOf(this))) with
    {
        Further = [.. Further.Select(other => other.ToSummary())],
    };

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
        return Ready is { Planes: { } planes } ? Cut(planes, first, count, channel) : CarryBack(first, count, channel);
    }

    /// <summary>All rows from the top, a tile at a time.</summary>
    /// <param name="channel">Which plane; null for all.</param>
    /// <exception cref="InvalidOperationException">The answer has no planes.</exception>
    public IEnumerable<(int FirstRow, ImageBuffer Rows)> Tiles(int? channel = null)
    {
        var rows = Math.Max(1, TilePixels / Width);
        for (var row = 0; row < Height; row += rows) yield return (row, Rows(row, Math.Min(rows, Height - row), channel));
    }

    /// <summary>The answer as arrays, planes one after another, so that none need be kept.</summary>
    public IEnumerable<AnswerArray> ToArrays() => _kind.Arrays(this);

    /// <summary>Rows of the answer's picture from the top, of one channel or three: of a segmentation black and white for two classes,
    /// else the class's index as grey level of 255; of an image its values where it has one plane or three, else the first plane. Null
    /// for other kinds.</summary>
    /// <param name="summary">What <see cref="ToSummary"/> gave.</param>
    public IEnumerable<ImageBuffer>? ToPicture(ModelOutput summary) => _kind.PictureRows(this, summary);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var answer in _answers) answer.Dispose();
        foreach (var other in Further) other.Dispose();
    }

    /// <summary>All planes as one array.</summary>
    internal AnswerArray PlaneArray(string name) => new(
        name, [Channels, Height, Width],
        // Plane after plane: each is mapped by itself, so that none need be kept.
        Enumerable.Range(0, Channels).SelectMany(plane => Tiles(plane)).Select(tile => tile.Rows.Data.ToArray()));

    private ModelOutput Whole()
    {
        if (Ready is { } ready) return ready;
        if (Channels == 0)
        {
            using var noGradient = torch.no_grad();
            using var scope = torch.NewDisposeScope();
            return Named(_kind.CarryBack(_answers, Spec, _canonical, Height, Width));
        }

        var planes = new ImageBuffer(Channels, Height, Width);
        foreach (var (row, tile) in Tiles())
        {
            for (var c = 0; c < Channels; c++) tile.Plane(c).CopyTo(planes.Plane(c)[(row * Width)..]);
        }

        return Named(_kind.OfPlanes(planes, Spec));
    }

    private ModelOutput Named(ModelOutput answer) => answer with
    {
        Name = Spec.Title, ClassNames = Spec.Classes,
        NotFinite = _taken is null ? CountNotFinite() : _taken.IsValueCreated ? _taken.Value.NotFinite : answer.NotFinite,
    };

    /// <summary>Of an answer that was carried back already: of its own numbers.</summary>
    internal static int CountNotFinite(ModelOutput answer) =>
        AnswerKinds.Of(answer.Kind).Values(answer)?.Count(value => !float.IsFinite(value)) ?? 0;

    private int CountNotFinite()
    {
        using var noGradient = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        return (int)_answers.SelectMany(answer => answer.Parts).Where(part => part.is_floating_point())
            .Sum(part => part.numel() - part.isfinite().count_nonzero().item<long>());
    }

    /// <summary>Some rows of the planes that several maps led to, as the mean of probabilities or values.</summary>
    private ImageBuffer CarryBack(int first, int count, int? channel)
    {
        using var noGradient = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        // Outside the canonical image nothing is known; its border is the best guess, and probabilities still add up to one.
        return ImageTensor.FromTensor(MappedAnswer.Mean(_answers, answer =>
        {
            var planes = channel is { } one ? answer.Parts[0].narrow(1, one, 1) : answer.Parts[0];
            return Resample.RowsTo(planes, answer.Inverse, Height, Width, first, count);
        }))[0];
    }

    private static ImageBuffer Cut(ImageBuffer planes, int first, int count, int? channel)
    {
        var rows = new ImageBuffer(channel is null ? planes.Channels : 1, count, planes.Width);
        for (var c = 0; c < rows.Channels; c++)
            planes.Plane(channel ?? c).Slice(first * planes.Width, count * planes.Width).CopyTo(rows.Plane(c));
        return rows;
    }
}
