using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Answers;

/// <summary>Real values for each pixel (N, K, H, W), carried back.</summary>
internal sealed class PictureAnswers : PlaneAnswers
{
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
}
