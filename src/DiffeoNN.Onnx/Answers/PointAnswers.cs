using System.Globalization;
using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Fields;
using TorchSharp;

namespace DiffeoNN.Onnx.Answers;

/// <summary>Points (N, P, 2) or (N, 2P), moved by the displacement from the canonical image to the image; several maps give their
/// mean.</summary>
internal sealed class PointAnswers : AnswerKind
{
    /// <inheritdoc/>
    public override OutputKind Kind => OutputKind.Points;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Fields => ["coordinates", "order"];

    /// <inheritdoc/>
    public override string? Problem(string tensor, TensorForm found, OutputSpec spec, SamplingGrid image)
    {
        if (found.NotReal is { } wrong) return wrong;
        const string Expected = "expected points (N,P,2) or (N,2P)";
        return found.Shape.Count switch
        {
            2 when found.Shape[1] is { } odd && odd % 2 != 0 => $"has {odd} numbers an image, no pairs; {Expected}.",
            2 => null,
            3 when !found.Is(2, 2) => $"has {found.Shape[2]} in dimension 2; expected 2 coordinates, x and y.",
            3 => null,
            _ => $"has {found.Shape.Count} dimensions; {Expected}.",
        };
    }

    /// <inheritdoc/>
    public override torch.Tensor[] Arrange(IReadOnlyDictionary<string, torch.Tensor> tensors, OutputSpec spec, OutputGrids grids)
    {
        var points = tensors[spec.Name].to_type(torch.ScalarType.Float32);
        return [Places.ToUnit(points.reshape(points.size(0), -1, 2), spec, grids)];
    }

    /// <inheritdoc/>
    public override ModelOutput CarryBack(
        IReadOnlyList<MappedAnswer> answers, OutputSpec spec, SamplingGrid canonical, int height, int width)
    {
        var points = MappedAnswer.Mean(answers, answer => Places.Moved(answer.Parts[0], answer.Displacement));
        return new() { Kind = Kind, Height = height, Width = width, Points = Places.InPixels(points, canonical, height, width) };
    }

    /// <inheritdoc/>
    public override float[]? Values(ModelOutput answer) => Flat(answer.Points!);

    /// <inheritdoc/>
    public override TruthForm Truth => TruthForm.Points;

    /// <inheritdoc/>
    public override Truth TruthOf(ModelOutput answer) =>
        new() { Points = answer.Points, Reference = AnswerReference.Agreement };

    /// <inheritdoc/>
    public override int ClassesOf(ModelOutput answer) => answer.Points!.Count;

    /// <summary>The mean distance in pixels.</summary>
    public override AnswerScore Score(ModelOutput answer, Truth truth, int classes)
    {
        var distance = Distance(answer.Points!, truth.Points!);
        return new AnswerScore(
            [new("distance", distance)], -distance, -distance, string.Create(CultureInfo.InvariantCulture, $"{distance:F2} pixels off"));
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Summarised => ["distance"];

    /// <inheritdoc/>
    public override IReadOnlyList<ScoreColumn> Columns =>
    [
        new("mean distance", "distance"), new("std", "distance", ScoreStatistic.Std),
        new("median distance", "distance", ScoreStatistic.Median),
    ];

    /// <inheritdoc/>
    public override string RankTitle => "negative distance in pixels";

    /// <inheritdoc/>
    public override string Heading(Truth truth, ModelOutput answer, AnswerScore found, AnswerScore alone, AnswerScore undeformed) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"distance {-found.Rank:F2} pixels (alone {-alone.Rank:F2}, undeformed {-undeformed.Rank:F2})");

    /// <summary>The mean distance in pixels.</summary>
    public override double Disagreement(ModelOutput deformed, ModelOutput undeformed, DeformationMap map) =>
        Distance(deformed.Points!, [.. undeformed.Points!.Select(map.PlaceOf)]);

    /// <inheritdoc/>
    public override JsonObject? Record(ModelOutput answer) => new()
    {
        ["points"] = new JsonArray(
            [.. answer.Points!.Select(point => new JsonArray(Json.Finite(point.Column), Json.Finite(point.Row)))]),
    };

    /// <inheritdoc/>
    public override KindTally? Tally() => new PointsTally();

    /// <inheritdoc/>
    public override IEnumerable<AnswerArray> Arrays(MappedOutput answer)
    {
        var points = answer.ToOutput().Points!;
        return [new AnswerArray("points", [points.Count, 2], [Flat(points)])];
    }

    /// <inheritdoc/>
    public override AnswerSketch Sketch(ModelOutput answer) => new() { Points = answer.Points };

    private static float[] Flat(IReadOnlyList<(double Column, double Row)> points) =>
        [.. points.SelectMany(point => new[] { (float)point.Column, (float)point.Row })];

    private static double Distance(IReadOnlyList<(double Column, double Row)> a, IReadOnlyList<(double Column, double Row)> b) =>
        a.Zip(b, (p, q) => Math.Sqrt(((p.Column - q.Column) * (p.Column - q.Column)) + ((p.Row - q.Row) * (p.Row - q.Row)))).Average();

    /// <summary>How many points, and how far they are from those of the network alone.</summary>
    private sealed class PointsTally : KindTally
    {
        private int _points;
        private double _moved;

        public override string Text => $"{_points} points an image"
            + (Asked > 0 ? $"; off those of the network alone by {Number(_moved / Asked)} pixels on average" : "");

        protected override void Count(ModelOutput answer) => _points = answer.Points!.Count;

        protected override void Compare(ModelOutput answer, ModelOutput alone) => _moved += Distance(answer.Points!, alone.Points!);
    }
}
