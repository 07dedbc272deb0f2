using System.Globalization;
using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Metrics;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Answers;

/// <summary>A class for each pixel: scores (N, K, H, W), carried back as probabilities, or class numbers (N, H, W), carried back as
/// one-hot planes; then the most probable class, of one plane 1 from 0.5 on.</summary>
internal sealed class SegmentationAnswers : PlaneAnswers
{
    /// <summary>Pixels of a tile of rows of a mask.</summary>
    private const int TilePixels = 1 << 18;

    /// <inheritdoc/>
    public override OutputKind Kind => OutputKind.Segmentation;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Fields => ["activation", "classes", "layout", "resolution"];

    /// <inheritdoc/>
    public override bool HasClasses => true;

    private const int MostClasses = 256;

    /// <inheritdoc/>
    protected override string Expected(bool isLast) => isLast ? "a segmentation (N,H,W,K)" : "a segmentation (N,K,H,W)";

    /// <inheritdoc/>
    public override string? Problem(string tensor, TensorForm found, OutputSpec spec, SamplingGrid image)
    {
        if (!found.IsInteger)
        {
            if (!found.IsReal) return "must be float32, float16 or float64, or class numbers of int64, int32 or uint8.";
            if (base.Problem(tensor, found, spec, image) is { } problem) return problem;
            var channels = found.Shape[spec.Layout == OutputLayout.ChannelsLast ? 3 : 1];
            return channels > MostClasses
                ? $"has {channels} classes; labels of pixels are bytes, so at most {MostClasses} are taken."
                : ClassScores.Problem(channels, spec);
        }

        var isLast = spec.Layout == OutputLayout.ChannelsLast;
        var fits = found.Shape.Count == 3 || (found.Shape.Count == 4 && found.Is(isLast ? 3 : 1, 1));
        if (!fits)
            return $"holds class numbers in {found.Shape.Count} dimensions; expected (N,H,W) or {(isLast ? "(N,H,W,1)" : "(N,1,H,W)")}.";
        if (spec.Activation != OutputActivation.None)
            return $"holds class numbers; expected no activation, since the manifest's {ActivationName(spec)} needs scores.";
        if (spec.Classes is null)
            return "holds class numbers; name the classes in the manifest, so that it is known how many there are.";
        if (spec.Classes.Count > MostClasses)
            return $"is one of {spec.Classes.Count} classes; labels of pixels are bytes, so at most {MostClasses} are taken.";
        var rows = found.Shape.Count == 4 && !isLast ? 2 : 1;
        return SizeProblem(found.Shape[rows], found.Shape[rows + 1], spec, image);
    }

    /// <inheritdoc/>
    public override torch.Tensor[] Arrange(IReadOnlyDictionary<string, torch.Tensor> tensors, OutputSpec spec, OutputGrids grids)
    {
        var values = tensors[spec.Name];
        if (values.is_floating_point()) return base.Arrange(tensors, spec, grids);
        var numbers = values.to_type(torch.ScalarType.Int64);
        if (numbers.dim() == 4) numbers = numbers.squeeze(spec.Layout == OutputLayout.ChannelsLast ? 3 : 1);
        var classes = spec.Classes!.Count;
        long least = numbers.min().cpu().item<long>(), most = numbers.max().cpu().item<long>();
        if (least < 0 || most >= classes)
        {
            throw new GraphException(
                $"Output '{spec.Name}' holds the class number {(least < 0 ? least : most)}, and "
                + $"{ClassScores.Named(spec.Classes)}, numbered 0 to {classes - 1}.");
        }

        var planes = torch.nn.functional.one_hot(numbers, classes).permute(0, 3, 1, 2).to_type(torch.ScalarType.Float32).contiguous();
        return [Enlarged(planes, grids.Network)];
    }

    /// <inheritdoc/>
    public override torch.Tensor[] Read(IReadOnlyDictionary<string, torch.Tensor> tensors, OutputSpec spec, OutputGrids grids) =>
        [ClassScores.Activate(Arrange(tensors, spec, grids)[0], spec.Activation)];

    /// <inheritdoc/>
    public override ModelOutput OfPlanes(ImageBuffer planes, OutputSpec spec) => new()
    {
        Kind = Kind,
        Height = planes.Height,
        Width = planes.Width,
        Planes = planes,
        Labels = LabelMap.FromProbabilities(planes),
    };

    /// <inheritdoc/>
    public override ModelOutput SummaryOf(MappedOutput answer) =>
        new() { Kind = Kind, Height = answer.Height, Width = answer.Width, Labels = LabelsOf(answer) };

    /// <inheritdoc/>
    public override string? WriteEntropy(OnnxGraph graph, string output, long? channels, OutputSpec spec) =>
        ClassScores.WriteEntropy(graph, output, channels, spec.Layout == OutputLayout.ChannelsLast ? 3 : 1, spec);

    /// <inheritdoc/>
    public override torch.Tensor? Classes(torch.Tensor[] parts, OutputSpec spec) => ClassScores.Classes(parts[0], spec);

    /// <inheritdoc/>
    public override AnswerDifference Differ(ModelOutput first, ModelOutput second)
    {
        LabelMap a = first.Labels!, b = second.Labels!;
        var classes = Math.Max(2, 1 + Math.Max(a.Labels.ToArray().Max(), b.Labels.ToArray().Max()));
        return new AnswerDifference(SegmentationScore.Of(b, a, classes).Iou, Differing(a, b));
    }

    /// <inheritdoc/>
    public override float[]? Values(ModelOutput answer) => answer.Planes?.Data.ToArray();

    /// <inheritdoc/>
    public override TruthForm Truth => TruthForm.Mask;

    /// <inheritdoc/>
    public override Truth TruthOf(ModelOutput answer) =>
        new() { Mask = answer.Labels, Reference = AnswerReference.Agreement };

    /// <inheritdoc/>
    public override int ClassesOf(ModelOutput answer) => Math.Max(2, answer.Planes!.Channels);

    /// <inheritdoc/>
    public override AnswerScore Score(ModelOutput answer, Truth truth, int classes)
    {
        var score = SegmentationScore.Of(answer.Labels!, truth.Mask!, classes);
        return new AnswerScore(
            [new("iou", score.Iou), new("dice", score.Dice), new("accuracy", score.Accuracy)], score.Iou, score.Iou,
            string.Create(CultureInfo.InvariantCulture, $"IoU {score.Iou:F3}"));
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Summarised => ["iou", "dice", "accuracy"];

    /// <inheritdoc/>
    public override IReadOnlyList<ScoreColumn> Columns =>
    [
        new("mean IoU", "iou"), new("std", "iou", ScoreStatistic.Std), new("median IoU", "iou", ScoreStatistic.Median),
        new("mean Dice", "dice"), new("pixels right", "accuracy"),
    ];

    /// <inheritdoc/>
    public override string RankTitle => "IoU";

    /// <inheritdoc/>
    public override string Heading(Truth truth, ModelOutput answer, AnswerScore found, AnswerScore alone, AnswerScore undeformed) =>
        string.Create(
            CultureInfo.InvariantCulture, $"IoU {found.Rank:F3} (alone {alone.Rank:F3}, undeformed {undeformed.Rank:F3})");

    /// <summary>Share of pixels of another class; probabilities are deformed, then the best class is taken.</summary>
    public override double Disagreement(ModelOutput deformed, ModelOutput undeformed, DeformationMap map) =>
        Differing(LabelMap.FromProbabilities(map.Apply(undeformed.Planes!)), deformed.Labels!);

    /// <inheritdoc/>
    public override JsonObject? Record(ModelOutput answer)
    {
        var counts = new int[256];
        foreach (var label in answer.Labels!.Labels) counts[label]++;
        var present = counts.Index().Where(pair => pair.Item > 0)
            .Select(pair => KeyValuePair.Create<string, JsonNode?>($"{pair.Index}", pair.Item));
        return new JsonObject { ["pixels"] = new JsonObject(present) };
    }

    /// <inheritdoc/>
    public override IEnumerable<AnswerArray> Arrays(MappedOutput answer) => [answer.PlaneArray("probabilities")];

    /// <inheritdoc/>
    public override AnswerSketch Sketch(ModelOutput answer) => new() { Labels = answer.Labels };

    /// <inheritdoc/>
    public override ImageBuffer? Picture(ModelOutput answer) => answer.Labels?.ToImage(answer.Planes is { Channels: > 2 } ? 256 : 2);

    /// <summary>Black and white for two classes, else the class's index as grey level of 255.</summary>
    public override IEnumerable<ImageBuffer>? PictureRows(MappedOutput answer, ModelOutput summary) =>
        Rows(summary.Labels!, Count(answer) <= 2 ? 255f : 1f);

    /// <inheritdoc/>
    public override IReadOnlyList<string>? Legend(MappedOutput answer) =>
        [.. Enumerable.Range(0, Count(answer)).Select(answer.Spec.NameOf)];

    private static string ActivationName(OutputSpec spec) => spec.Activation.ToString().ToLowerInvariant();

    /// <summary>Number of classes; a single plane means two.</summary>
    private static int Count(MappedOutput answer) => Math.Max(2, answer.Channels);

    private static LabelMap LabelsOf(MappedOutput answer)
    {
        if (answer.Ready is { Labels: { } known }) return known;
        var labels = new byte[(long)answer.Height * answer.Width];
        foreach (var (row, tile) in answer.Tiles()) LabelMap.FromProbabilities(tile).Labels.CopyTo(labels.AsSpan(row * answer.Width));
        return new LabelMap(answer.Height, answer.Width, labels);
    }

    private static double Differing(LabelMap a, LabelMap b)
    {
        var different = 0;
        for (var i = 0; i < a.Labels.Length; i++)
            if (a.Labels[i] != b.Labels[i]) different++;
        return different / (double)a.Labels.Length;
    }

    private static IEnumerable<ImageBuffer> Rows(LabelMap labels, float level)
    {
        var rows = Math.Max(1, TilePixels / labels.Width);
        for (var first = 0; first < labels.Height; first += rows)
        {
            var part = labels.Labels.Slice(first * labels.Width, Math.Min(rows, labels.Height - first) * labels.Width);
            var tile = new ImageBuffer(1, part.Length / labels.Width, labels.Width);
            for (var i = 0; i < part.Length; i++) tile.Data[i] = part[i] * level / 255f;
            yield return tile;
        }
    }
}
