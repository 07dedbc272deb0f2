using System.Globalization;
using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Answers;

/// <summary>Axis-aligned boxes (N, B, 4), with or without scores (N, B) or (N, B, C) and class numbers (N, B). A box becomes the smallest
/// one around its corners and the middles of its edges, each moved as points are.</summary>
/// <remarks>Parts: opposite corners (N, 2B, 2), in the library's unit; scores (N, B, C), if there are any; class numbers (N, B), if there
/// are any. Of several maps boxes of anchors are averaged; of others, where the b-th box of one image is not that of another, those of the
/// map that stands for the image are the answer.</remarks>
internal sealed class BoxAnswers : AnswerKind
{
    /// <summary>Boxes that are drawn at most, and the score they need.</summary>
    private const int Drawn = 100;
    private const float LeastScore = 0.5f;

    /// <summary>The corners and the middles of the edges, as fractions of width and height.</summary>
    private static readonly float[] Across = [0, 0.5f, 1, 0, 1, 0, 0.5f, 1], Down = [0, 0, 0, 0.5f, 0.5f, 1, 1, 1];

    /// <inheritdoc/>
    public override OutputKind Kind => OutputKind.Boxes;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Fields =>
        ["activation", "classes", "coordinates", "order", "format", "scores", "labels", "anchors"];

    /// <inheritdoc/>
    public override IEnumerable<string> Tensors(OutputSpec spec) =>
        new[] { spec.Name, spec.Scores, spec.Labels }.OfType<string>();

    /// <inheritdoc/>
    public override string? Problem(string tensor, TensorForm found, OutputSpec spec, SamplingGrid image)
    {
        var rank = found.Shape.Count;
        if (tensor == spec.Labels)
        {
            if (!found.IsInteger && !found.IsReal) return "must hold class numbers.";
            return rank == 2 ? null : $"has {rank} dimensions; expected class numbers of boxes (N,B).";
        }

        if (found.NotReal is { } wrong) return wrong;
        if (tensor == spec.Name)
        {
            if (rank != 3) return $"has {rank} dimensions; expected boxes (N,B,4).";
            return found.Is(2, 4) ? null : $"has {found.Shape[2]} in dimension 2; expected 4 numbers a box.";
        }

        if (rank is not (2 or 3)) return $"has {rank} dimensions; expected scores of boxes (N,B) or (N,B,C).";
        return rank == 2 && spec.Activation == OutputActivation.Softmax
            ? "has one score a box, whose softmax is always 1; use the activation sigmoid."
            : rank == 3 ? ScoreProblem(found.Shape[2], spec) : null;
    }

    /// <inheritdoc/>
    public override torch.Tensor[] Arrange(IReadOnlyDictionary<string, torch.Tensor> tensors, OutputSpec spec, OutputGrids grids)
    {
        var boxes = Real(spec.Name);
        long batch = boxes.size(0), count = boxes.size(1);
        // Pairs of coordinates: two corners, or centre and size.
        var pairs = boxes.reshape(batch, count, 2, 2);
        if (spec.Format == BoxFormat.Cxcywh)
        {
            var (centre, half) = (pairs.narrow(2, 0, 1), pairs.narrow(2, 1, 1).Times(0.5));
            pairs = torch.cat([centre.Plus(half.Times(-1)), centre.Plus(half)], 2);
        }

        var sorted = torch.cat([pairs.amin([2], keepdim: true), pairs.amax([2], keepdim: true)], 2);
        List<torch.Tensor> parts = [Places.ToUnit(sorted.reshape(batch, 2 * count, 2), spec, grids)];
        if (spec.Scores is { } scores)
        {
            var values = Real(scores);
            parts.Add(values.dim() == 2 ? values.unsqueeze(2) : values);
        }

        if (spec.Labels is { } labels) parts.Add(Real(labels));
        if (parts.Skip(1).FirstOrDefault(part => part.size(1) != count) is { } other)
        {
            throw new Execution.GraphException(
                $"Output '{spec.Name}' has {count} boxes; its scores or labels are for {other.size(1)}.");
        }

        return [.. parts];

        torch.Tensor Real(string name) => tensors[name].to_type(torch.ScalarType.Float32);
    }

    /// <inheritdoc/>
    public override torch.Tensor[] Read(IReadOnlyDictionary<string, torch.Tensor> tensors, OutputSpec spec, OutputGrids grids)
    {
        var parts = Arrange(tensors, spec, grids);
        if (spec.Scores is not null)
        {
            parts[1] = spec.Activation switch
            {
                OutputActivation.Softmax => torch.nn.functional.softmax(parts[1], 2),
                OutputActivation.Sigmoid => torch.sigmoid(parts[1]),
                _ => parts[1],
            };
        }

        return parts;
    }

    // A single score of a box is its only class's, not one of two.
    private static string? ScoreProblem(long? classes, OutputSpec spec) => classes != 1 || spec.Classes is null or { Count: 1 }
        ? classes == 1 ? null : ClassScores.Problem(classes, spec)
        : $"has 1 score a box, and {ClassScores.Named(spec.Classes)}.";

    /// <inheritdoc/>
    public override ModelOutput CarryBack(
        IReadOnlyList<MappedAnswer> answers, OutputSpec spec, SamplingGrid canonical, int height, int width)
    {
        var used = spec.Anchors == true ? answers : [answers[^1]];
        var corners = Places.InPixels(MappedAnswer.Mean(used, Hull), canonical, height, width);
        var scores = spec.Scores is null ? null : Places.Host(MappedAnswer.Mean(used, answer => answer.Parts[1]));
        var labels = spec.Labels is null ? null : Places.Host(used[^1].Parts[^1]);
        int count = corners.Count / 2, classes = count == 0 || scores is null ? 0 : scores.Length / count;
        var boxes = new List<AnswerBox>(count);
        for (var i = 0; i < count; i++)
        {
            var ((left, top), (right, bottom)) = (corners[2 * i], corners[(2 * i) + 1]);
            var own = scores.AsSpan(i * classes, classes);
            var best = classes > 1 ? ClassScores.Best(own) : 0;
            boxes.Add(new AnswerBox(left, top, right, bottom)
            {
                Score = classes > 0 ? own[best] : null,
                Class = labels is not null ? (int)labels[i] : classes > 1 || spec.Classes is { Count: 1 } ? best : null,
            });
        }

        return new() { Kind = Kind, Height = height, Width = width, Boxes = boxes };
    }

    /// <inheritdoc/>
    public override float[]? Values(ModelOutput answer) =>
        [.. answer.Boxes!.SelectMany(Numbers), .. answer.Boxes!.Select(box => box.Score).OfType<float>()];

    /// <inheritdoc/>
    public override TruthForm Truth => TruthForm.Boxes;

    /// <summary>The sure boxes that have an area: those without match nothing, not even themselves.</summary>
    public override Truth TruthOf(ModelOutput answer) =>
        new() { Boxes = Solid(answer), Reference = AnswerReference.Agreement };

    /// <inheritdoc/>
    public override int ClassesOf(ModelOutput answer) => answer.ClassNames?.Count ?? 0;

    /// <summary>Mean over the true boxes of the best IoU with a sure answered one of the class, and average precision at an IoU of
    /// 0.5. Where the truth is an answer, only boxes count that would be taken for true.</summary>
    public override AnswerScore Score(ModelOutput answer, Truth truth, int classes)
    {
        var isAnswer = truth.Reference == AnswerReference.Agreement;
        var iou = BoxScore.Iou(isAnswer ? Solid(answer) : Sure(answer), truth.Boxes!);
        var precision = BoxScore.AveragePrecision(isAnswer ? Solid(answer) : answer.Boxes!, truth.Boxes!);
        return new AnswerScore(
            [new("iou", iou), new("precision", precision)], iou, iou, string.Create(CultureInfo.InvariantCulture, $"IoU {iou:F3}"));
    }

    /// <inheritdoc/>
    public override int ClassesOf(torch.Tensor[] parts, OutputSpec spec) => spec.Classes?.Count ?? 0;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Summarised => ["iou", "precision"];

    /// <inheritdoc/>
    public override IReadOnlyList<ScoreColumn> Columns =>
    [
        new("mean IoU", "iou"), new("std", "iou", ScoreStatistic.Std), new("median IoU", "iou", ScoreStatistic.Median),
        new("mean AP at 0.5", "precision"),
    ];

    /// <inheritdoc/>
    public override string RankTitle => "IoU";

    /// <inheritdoc/>
    public override string Heading(Truth truth, ModelOutput answer, AnswerScore found, AnswerScore alone, AnswerScore undeformed) =>
        string.Create(
            CultureInfo.InvariantCulture, $"IoU {found.Rank:F3} (alone {alone.Rank:F3}, undeformed {undeformed.Rank:F3})");

    /// <summary>1 less the mean over the sure boxes of g·f(x) of the best IoU with a sure one of f(g·x).</summary>
    public override double Disagreement(ModelOutput deformed, ModelOutput undeformed, DeformationMap map) =>
        1 - BoxScore.Iou(Sure(deformed), [.. Sure(undeformed).Select(box => box.Moved(map.PlaceOf))]);

    /// <inheritdoc/>
    public override JsonObject? Record(ModelOutput answer)
    {
        var boxes = answer.Boxes!;
        var record = new JsonObject { ["boxes"] = new JsonArray([.. boxes.Select(box => Json.Array(Numbers(box)))]) };
        if (boxes.Any(box => box.Score is not null)) record["scores"] = Json.Array(boxes.Select(box => box.Score ?? float.NaN));
        if (boxes.Any(box => box.Class is not null))
        {
            record["classes"] = new JsonArray([.. boxes.Select(box => (JsonNode?)box.Class)]);
            if (answer.ClassNames is not null)
                record["classNames"] = new JsonArray([.. boxes.Select(box => (JsonNode?)ClassName(answer, box))]);
        }

        return record;
    }

    /// <inheritdoc/>
    public override KindTally? Tally() => new BoxesTally();

    /// <inheritdoc/>
    public override IEnumerable<AnswerArray> Arrays(MappedOutput answer)
    {
        var boxes = answer.ToOutput().Boxes!;
        yield return new AnswerArray("boxes", [boxes.Count, 4], [[.. boxes.SelectMany(Numbers)]]);
        if (answer.Spec.Scores is not null)
            yield return new AnswerArray("scores", [boxes.Count], [[.. boxes.Select(box => box.Score!.Value)]]);
        if (boxes.Any(box => box.Class is not null))
            yield return new AnswerArray("classes", [boxes.Count], [[.. boxes.Select(box => (float)box.Class!.Value)]]);
    }

    /// <summary>The boxes with the highest scores, of at least one half.</summary>
    public override AnswerSketch Sketch(ModelOutput answer) =>
        new() { Boxes = [.. Sure(answer).OrderByDescending(box => box.Score ?? 1).Take(Drawn)] };

    /// <summary>Corners (1, 2B, 2) of the smallest boxes around the points of each box that were moved.</summary>
    private static torch.Tensor Hull(MappedAnswer answer)
    {
        var corners = answer.Parts[0];
        if (answer.Displacement is null || corners.size(1) == 0) return corners;
        var moved = Places.Moved(Outline(corners).reshape(1, -1, 2), answer.Displacement).reshape(-1, 8, 2);
        return torch.stack([moved.amin([1]), moved.amax([1])], 1).reshape(1, -1, 2);
    }

    /// <summary>The corners and the middles of the edges of boxes, whose smallest box is what a map makes of a box.</summary>
    /// <param name="corners">Opposite corners, (N, 2B, 2).</param>
    /// <returns>(NB, 8, 2); in the caller's scope.</returns>
    internal static torch.Tensor Outline(torch.Tensor corners)
    {
        var boxes = corners.reshape(-1, 2, 2);
        var fractions = torch.stack([torch.tensor(Across, device: corners.device), torch.tensor(Down, device: corners.device)], 1);
        var (low, high) = (boxes.narrow(1, 0, 1), boxes.narrow(1, 1, 1));
        return low.Plus(high.Plus(low.Times(-1)).mul(fractions.unsqueeze(0)));
    }

    private static AnswerBox[] Sure(ModelOutput answer) => [.. answer.Boxes!.Where(box => box.Score is not < LeastScore)];

    private static AnswerBox[] Solid(ModelOutput answer) => [.. Sure(answer).Where(box => box.Area > 0)];

    private static float[] Numbers(AnswerBox box) => [(float)box.Left, (float)box.Top, (float)box.Right, (float)box.Bottom];

    private static string? ClassName(ModelOutput answer, AnswerBox box) => box.Class is { } label ? answer.NameOf(label) : null;

    /// <summary>How many boxes there are, and of how many images the network alone gives more or fewer.</summary>
    private sealed class BoxesTally : KindTally
    {
        private int _sure, _changed;
        private bool _hasScores;

        public override string Text => $"{_sure} boxes{(_hasScores ? $" with scores from {Number(LeastScore)}" : "")}"
            + (Asked > 0 ? $"; more or fewer than by the network alone in {_changed} of {Asked} images" : "");

        protected override void Count(ModelOutput answer)
        {
            _sure += Sure(answer).Length;
            _hasScores |= answer.Boxes!.Any(box => box.Score is not null);
        }

        protected override void Compare(ModelOutput answer, ModelOutput alone) =>
            _changed += Sure(answer).Length == Sure(alone).Length ? 0 : 1;
    }
}
