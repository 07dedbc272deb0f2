using System.Globalization;
using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Answers;

/// <summary>Real values for each pixel (N, K, H, W), carried back.</summary>
internal sealed class PictureAnswers : PlaneAnswers
{
    /// <summary>Share of a pixel from which on it counts as from inside the image.</summary>
    private const float FromInside = 0.999f;

    /// <inheritdoc/>
    public override OutputKind Kind => OutputKind.Image;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Fields => ["layout", "resolution"];

    /// <inheritdoc/>
    protected override string Expected(bool isLast) => isLast ? "an image (N,H,W,K)" : "an image (N,K,H,W)";

    /// <inheritdoc/>
    public override ModelOutput OfPlanes(ImageBuffer planes, OutputSpec spec) =>
        new() { Kind = Kind, Height = planes.Height, Width = planes.Width, Planes = planes };

    /// <inheritdoc/>
    public override ModelOutput SummaryOf(MappedOutput answer) => new() { Kind = Kind, Height = answer.Height, Width = answer.Width };

    /// <inheritdoc/>
    public override float[]? Values(ModelOutput answer) => answer.Planes?.Data.ToArray();

    /// <inheritdoc/>
    public override int ClassesOf(ModelOutput answer) => answer.Planes!.Channels;

    /// <inheritdoc/>
    public override Truth TruthOf(ModelOutput answer) =>
        new() { Picture = answer.Planes, Reference = AnswerReference.Agreement };

    /// <summary>The root of the mean squared error over channels and pixels; those that come from outside the image are left out.</summary>
    public override AnswerScore Score(ModelOutput answer, Truth truth, int classes)
    {
        var error = Error(answer.Planes!, truth);
        return new AnswerScore([new("error", error)], -error, -error, string.Create(CultureInfo.InvariantCulture, $"error {error:G4}"));
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Summarised => ["error"];

    /// <inheritdoc/>
    public override IReadOnlyList<ScoreColumn> Columns =>
    [
        new("mean RMS error", "error"), new("std", "error", ScoreStatistic.Std),
        new("median RMS error", "error", ScoreStatistic.Median),
    ];

    /// <inheritdoc/>
    public override string RankTitle => "negative RMS error";

    /// <inheritdoc/>
    public override string Heading(Truth truth, ModelOutput answer, AnswerScore found, AnswerScore alone, AnswerScore undeformed) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"RMS error {found["error"]:G4} (alone {alone["error"]:G4}, undeformed {undeformed["error"]:G4})");

    /// <summary>The root of the mean squared difference, as for a score.</summary>
    public override double Disagreement(ModelOutput deformed, ModelOutput undeformed, DeformationMap map) =>
        Error(deformed.Planes!, TruthOf(undeformed).Deform(map));

    /// <inheritdoc/>
    public override JsonObject? Record(ModelOutput answer) => null;

    /// <inheritdoc/>
    public override IEnumerable<AnswerArray> Arrays(MappedOutput answer) => [answer.PlaneArray("planes")];

    /// <summary>The values where there is one plane or three, else the first plane.</summary>
    public override AnswerSketch Sketch(ModelOutput answer) => new()
    {
        Picture = answer.Planes is { Channels: not (1 or 3) } planes
            ? new ImageBuffer(1, planes.Height, planes.Width, planes.Plane(0).ToArray())
            : answer.Planes,
    };

    /// <inheritdoc/>
    public override ImageBuffer? Picture(ModelOutput answer) => answer.Planes;

    /// <summary>As <see cref="Sketch"/>.</summary>
    public override IEnumerable<ImageBuffer>? PictureRows(MappedOutput answer, ModelOutput summary) =>
        answer.Tiles(answer.Channels is 1 or 3 ? null : 0).Select(tile => tile.Rows);

    /// <inheritdoc/>
    public override bool IsPicture => true;

    private static double Error(ImageBuffer answer, Truth truth)
    {
        var wanted = truth.Picture!;
        double sum = 0;
        long count = 0;
        for (var channel = 0; channel < wanted.Channels; channel++)
        {
            ReadOnlySpan<float> found = answer.Plane(channel), plane = wanted.Plane(channel);
            ReadOnlySpan<float> inside = truth.Inside is { } shares ? shares.Plane(0) : [];
            for (var i = 0; i < plane.Length; i++)
            {
                if (inside.Length > 0 && inside[i] < FromInside) continue;
                var difference = (double)found[i] - plane[i];
                sum += difference * difference;
                count++;
            }
        }

        // A map that shows nothing of the image leaves nothing to be wrong about.
        return count == 0 ? 0 : Math.Sqrt(sum / count);
    }
}
