using System.Globalization;
using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Imaging;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Answers;

/// <summary>What each kind says of an answer: numbers, scores, lines of text, records, pictures.</summary>
internal sealed partial class KindTests
{
    private static readonly SamplingGrid Grid = new(4, 5);

    private static readonly AnswerScore None = new([], 0, 0, "");

    /// <summary>The deformed image shows at p what is at p + u(p): one pixel to the right, so everything moves one to the left.</summary>
    private static readonly DeformationMap OneLeft = new(
        Grid, [.. Enumerable.Range(0, 40).Select(i => i < 20 ? Grid.PixelSize : 0)]);

    [Test]
    public void Segmentation_IsComparedPixelByPixel()
    {
        var kind = AnswerKinds.Of(OutputKind.Segmentation);
        ModelOutput first = Mask(0, 0, 1, 1, 2, 2), second = Mask(0, 1, 1, 1, 2, 0);

        var difference = kind.Differ(first, second);
        // Class 1 in two of three pixels, class 2 in one of two.
        Assert.That(difference.Iou, Is.EqualTo(((2 / 3.0) + (1 / 2.0)) / 2).Within(1e-12));
        Assert.That(difference.Flips, Is.EqualTo(2 / 6.0).Within(1e-12));
        Assert.That(kind.Differ(Mask(0, 0), Mask(0, 0)), Is.EqualTo(new AnswerDifference(1, 0)), "background alone agrees");

        var score = kind.Score(first, new Truth { Mask = second.Labels }, 3);
        Assert.That((score["iou"], score["dice"], score["accuracy"]), Is.EqualTo(
            ((double?)difference.Iou, (double?)(((4 / 5.0) + (2 / 3.0)) / 2), (double?)(4 / 6.0))));
        Assert.That((score.Metric, score.Rank, score.Caption), Is.EqualTo((score["iou"], score["iou"], "IoU 0.583")));
        Assert.That(kind.Heading(new Truth(), first, score, None with { Rank = 0.25 }, None with { Rank = 1 }),
            Is.EqualTo("IoU 0.583 (alone 0.250, undeformed 1.000)"));
        Assert.That(kind.Record(first)!.ToJsonString(), Is.EqualTo("{\"pixels\":{\"0\":2,\"1\":2,\"2\":2}}"));
        Assert.That(first.ToSketch(), Is.EqualTo(new AnswerSketch { Labels = first.Labels }));
        Assert.That((kind.HasClasses, kind.Truth, kind.RankTitle), Is.EqualTo((true, TruthForm.Mask, "IoU")));
        Assert.That(kind.Summarised, Is.EqualTo(new[] { "iou", "dice", "accuracy" }));
        Assert.That(kind.Columns, Is.EqualTo(new ScoreColumn[]
        {
            new("mean IoU", "iou"), new("std", "iou", ScoreStatistic.Std), new("median IoU", "iou", ScoreStatistic.Median),
            new("mean Dice", "dice"), new("pixels right", "accuracy"),
        }));
    }

    [Test]
    public void Segmentation_OfADeformedImage_IsComparedWithTheDeformedProbabilities()
    {
        float[] steps = [.. Enumerable.Range(0, 20).Select(i => i % 5 == 2 ? 1f : 0)];
        float[] moved = [.. Enumerable.Range(0, 20).Select(i => i % 5 == 1 ? 1f : 0)];
        var kind = AnswerKinds.Of(OutputKind.Segmentation);

        Assert.That(kind.Disagreement(Planes(OutputKind.Segmentation, moved), Planes(OutputKind.Segmentation, steps), OneLeft), Is.Zero);
        Assert.That(
            kind.Disagreement(Planes(OutputKind.Segmentation, steps), Planes(OutputKind.Segmentation, steps), OneLeft),
            Is.EqualTo(8 / 20.0).Within(1e-12));
        Assert.That(kind.Values(Planes(OutputKind.Segmentation, steps)), Is.EqualTo(steps));
        Assert.That(kind.ClassesOf(Planes(OutputKind.Segmentation, steps)), Is.EqualTo(2), "one plane tells two classes apart");
    }

    [TestCase(1, 255)]
    [TestCase(2, 255)]
    [TestCase(3, 1)]
    public void Segmentation_IsDrawnInBlackAndWhiteOrByItsNumbers(int channels, int level)
    {
        using var scope = torch.NewDisposeScope();
        // The last plane is the most probable one from the second column on.
        var planes = torch.zeros(1, channels, 4, 5);
        planes.narrow(1, channels - 1, 1).narrow(3, 1, 4).fill_(1f);
        if (channels > 1) planes.narrow(1, 0, 1).narrow(3, 0, 1).fill_(1f);
        var spec = new OutputSpec { Name = "mask", Kind = OutputKind.Segmentation, Classes = ["ground", "rim"] };
        using var answer = Mapped(spec, planes);

        var white = Math.Max(1, channels - 1) * level / 255f;
        float[] wanted = [.. Enumerable.Range(0, 20).Select(i => i % 5 == 0 ? 0 : white)];
        Assert.That(Picture(answer), Is.EqualTo(wanted));
        Assert.That(answer.ToOutput().ToPicture()!.Data.ToArray(), Is.EqualTo(wanted), "whole");
        Assert.That(answer.Legend, Is.EqualTo(channels == 3 ? new[] { "ground", "rim", "class 2" } : ["ground", "rim"]));
        var array = answer.ToArrays().Single();
        Assert.That(array.Name, Is.EqualTo("probabilities"));
        Assert.That(array.Shape, Is.EqualTo(new long[] { channels, 4, 5 }));
        Assert.That(array.Parts.SelectMany(part => part), Is.EqualTo(answer.ToOutput().Planes!.Data.ToArray()));
        var summary = answer.ToSummary();
        Assert.That(summary.Planes, Is.Null);
        Assert.That(summary.Labels!.Labels.ToArray(), Is.EqualTo(answer.ToOutput().Labels!.Labels.ToArray()));
        Assert.That((summary.Height, summary.Width, summary.Name, answer.IsPicture), Is.EqualTo((4, 5, "mask", false)));
    }

    /// <summary>A segmentation of more pixels than a tile: rows come in parts, each at its place.</summary>
    [Test]
    public void Segmentation_LargerThanATile_IsDrawnWhole()
    {
        using var scope = torch.NewDisposeScope();
        var planes = torch.tensor([0f, 1f, 0f, 1f]).view(1, 1, 4, 1).expand(1, 1, 4, 5).contiguous();
        using var answer = new MappedOutput(
            new OutputSpec { Name = "mask", Kind = OutputKind.Segmentation }, [new MappedAnswer([planes], null, null)], Grid, 700, 600);
        var summary = answer.ToSummary();

        ImageBuffer[] tiles = [.. answer.ToPicture(summary)!];

        Assert.That(tiles.Select(tile => (tile.Channels, tile.Height, tile.Width)), Is.EqualTo(new[] { (1, 436, 600), (1, 264, 600) }));
        Assert.That(tiles.SelectMany(tile => tile.Data.ToArray()).Select(value => (byte)value).SequenceEqual(
            summary.Labels!.Labels.ToArray()));
        Assert.That(summary.Labels.Labels.SequenceEqual(answer.ToOutput().Labels!.Labels), "labels of tiles and of the whole");
        Assert.That((summary.Labels[0, 3], summary.Labels[233, 3], summary.Labels[466, 3], summary.Labels[699, 3]),
            Is.EqualTo(((byte)0, (byte)1, (byte)0, (byte)1)));
    }

    [Test]
    public void Tiles_EndWithTheImage()
    {
        using var scope = torch.NewDisposeScope();
        var spec = new OutputSpec { Name = "out", Kind = OutputKind.Image };
        using var answer = new MappedOutput(
            spec, [new MappedAnswer([torch.zeros(1, 1, 4, 5)], null, null)], Grid, 8, 1 << 16);
        Assert.That(answer.Tiles().Select(tile => (tile.FirstRow, tile.Rows.Height)), Is.EqualTo(new[] { (0, 4), (4, 4) }));
    }

    [TestCase(1, 1)]
    [TestCase(2, 1)]
    [TestCase(3, 3)]
    [TestCase(4, 1)]
    public void Image_IsDrawnByItsValuesOrItsFirstPlane(int channels, int drawn)
    {
        using var scope = torch.NewDisposeScope();
        using var answer = Mapped(
            new OutputSpec { Name = "out", Kind = OutputKind.Image }, torch.arange(channels * 20, torch.float32).view(1, channels, 4, 5));
        float[] values = [.. Enumerable.Range(0, channels * 20).Select(i => (float)i)];

        var whole = answer.ToOutput();
        Assert.That(Picture(answer), Is.EqualTo(values[..(drawn * 20)]).Within(1e-4));
        Assert.That((whole.ToSketch().Picture!.Channels, whole.ToSketch().HasMarks, answer.IsPicture), Is.EqualTo((drawn, false, true)));
        Assert.That(whole.ToSketch().Picture!.Data.ToArray(), Is.EqualTo(values[..(drawn * 20)]).Within(1e-4));
        Assert.That(whole.ToPicture(), Is.SameAs(whole.Planes));
        Assert.That((whole.ToJson(), answer.Legend), Is.EqualTo(((System.Text.Json.Nodes.JsonObject?)null, (IReadOnlyList<string>?)null)));
        Assert.That(AnswerKinds.Of(OutputKind.Image).ClassesOf(whole), Is.EqualTo(channels));
        Assert.That(AnswerKinds.Of(OutputKind.Image).Values(whole), Is.EqualTo(values).Within(1e-4));
        Assert.That(answer.ToArrays().Single().Name, Is.EqualTo("planes"));
        Assert.That((answer.ToSummary().Planes, answer.ToSummary().Height), Is.EqualTo(((ImageBuffer?)null, 4)));
    }

    [Test]
    public void Rows_AreThoseOfTheWhole()
    {
        using var scope = torch.NewDisposeScope();
        var spec = new OutputSpec { Name = "out", Kind = OutputKind.Image };
        using var answer = Mapped(spec, torch.arange(40, torch.float32).view(1, 2, 4, 5));
        var whole = answer.ToOutput();
        using var ready = new MappedOutput(spec, () => whole, Grid);
        using var points = Mapped(new OutputSpec { Name = "p", Kind = OutputKind.Points }, torch.zeros(1, 2, 2));

        foreach (var (one, name) in new[] { (answer, "carried back now"), (ready, "carried back before") })
        {
            Assert.That(one.Channels, Is.EqualTo(2), name);
            Assert.That(one.Rows(1, 2).Data.ToArray(), Is.EqualTo(
                Enumerable.Range(5, 10).Concat(Enumerable.Range(25, 10)).Select(i => (float)i)).Within(1e-4), name);
            Assert.That(one.Rows(3, 1, 1).Data.ToArray(), Is.EqualTo(Enumerable.Range(35, 5).Select(i => (float)i)).Within(1e-4), name);
            Assert.That(() => one.Rows(-1, 1), Throws.InstanceOf<ArgumentOutOfRangeException>(), name);
            Assert.That(() => one.Rows(0, 0), Throws.InstanceOf<ArgumentOutOfRangeException>(), name);
            Assert.That(() => one.Rows(3, 2), Throws.InstanceOf<ArgumentOutOfRangeException>(), name);
            Assert.That(() => one.Rows(0, 1, 2), Throws.InstanceOf<ArgumentOutOfRangeException>(), name);
            Assert.That(() => one.Rows(0, 1, -1), Throws.InstanceOf<ArgumentOutOfRangeException>(), name);
        }

        Assert.That(points.Channels, Is.Zero);
        Assert.That(() => points.Rows(0, 1), Throws.InvalidOperationException.With.Message.EqualTo(
            "An answer of kind Points has no rows; ask for the whole."));
        Assert.That(points.ToPicture(points.ToSummary()), Is.Null);
        Assert.That(() => AnswerKinds.Of(OutputKind.Points).SummaryOf(points), Throws.InvalidOperationException.With.Message.EqualTo(
            "An answer of kind Points has no planes."));
    }

    [TestCase(new[] { 0.2f, 0.7f, 0.1f }, 1, 0, 0.2)]
    [TestCase(new[] { 0.2f, 0.7f, 0.1f }, 1, 1, 0.7)]
    [TestCase(new[] { 2f, -1f, 0f }, 0, 0, 0.8437947344813395)]
    [TestCase(new[] { 0.5f, 0.25f }, 0, 1, 0.43782349911420193)]
    [TestCase(new[] { 1.5f, -0.5f }, 0, 0, 0.8807970779778824)]
    [TestCase(new[] { 0.5f }, 1, 1, 0.5)]
    [TestCase(new[] { 0.3f }, 0, 0, 0.7)]
    [TestCase(new[] { 0.3f }, 0, 1, 0.3)]
    [TestCase(new[] { float.NaN, 0.25f, 0.5f }, 2, null, null)]
    [TestCase(new[] { 0.5f, 0.5f }, 0, 0, 0.5)]
    [TestCase(new[] { 1000f, 0f }, 0, 0, 1.0)]
    public void Classification_TakesTheBestClassAndTheTruthsProbability(float[] scores, int best, int? label, double? probability)
    {
        var kind = AnswerKinds.Of(OutputKind.Classification);
        var answer = new ModelOutput { Kind = OutputKind.Classification, Height = 4, Width = 5, Scores = scores };
        Assert.That(answer.Class, Is.EqualTo(best));
        Assert.That(kind.ClassesOf(answer), Is.EqualTo(Math.Max(2, scores.Length)));
        if (label is not { } truth) return;

        var score = kind.Score(answer, new Truth { Label = truth }, 3);
        double right = best == truth ? 1 : 0;
        Assert.That(score["probability"], Is.EqualTo(probability).Within(1e-6));
        Assert.That((score["class"], score["accuracy"], score.Metric), Is.EqualTo(((double?)best, (double?)right, right)));
        Assert.That((score.Rank, score.Caption), Is.EqualTo((score["probability"], $"class {best}")));
    }

    [Test]
    public void Classification_SaysItsClass()
    {
        using var scope = torch.NewDisposeScope();
        var kind = AnswerKinds.Of(OutputKind.Classification);
        var spec = new OutputSpec { Name = "scores", As = "digit", Kind = OutputKind.Classification, Classes = ["nought", "one"] };
        using var mapped = Mapped(spec, torch.tensor([0.25f, 0.75f]).view(1, 2));
        ModelOutput answer = mapped.ToOutput(), other = answer with { Scores = [1, 0] };

        Assert.That((answer.Name, answer.ToSketch().Caption), Is.EqualTo(("digit", "one")));
        Assert.That(answer.ToJson()!.ToJsonString(), Is.EqualTo("{\"class\":1,\"scores\":[0.25,0.75],\"className\":\"one\"}"));
        Assert.That((answer with { Scores = [0, 0, float.PositiveInfinity] }).ToJson()!.ToJsonString(),
            Is.EqualTo("{\"class\":2,\"scores\":[0,0,null]}"), "a class without a name");
        Assert.That(mapped.ToArrays().Select(array => (array.Name, array.Shape[0], array.Parts.Single()[1])),
            Is.EqualTo(new[] { ("scores", 2L, 0.75f) }));
        Assert.That((kind.Disagreement(answer, other, OneLeft), kind.Disagreement(other, other, OneLeft)), Is.EqualTo((1.0, 0.0)));
        Assert.That((kind.Differ(answer, other), kind.Differ(other, other)),
            Is.EqualTo((new AnswerDifference(null, 1), new AnswerDifference(null, 0))));
        Assert.That((kind.Truth, kind.RankTitle), Is.EqualTo((TruthForm.Label, "probability of the true class")));
        Assert.That(kind.Columns, Is.EqualTo(new ScoreColumn[] { new("accuracy", "accuracy") }));
        Assert.That(kind.Summarised, Is.EqualTo(new[] { "accuracy" }));
        Assert.That(kind.Values(answer), Is.EqualTo(new[] { 0.25f, 0.75f }));
        Assert.That(
            kind.Heading(
                new Truth { Label = 1 }, answer, None with { Values = [new("probability", 0.75)] },
                None with { Values = [new("probability", 0.5)] }, None),
            Is.EqualTo("truth one, given 0.750 (alone 0.500)"));
    }

    [Test]
    public void Regression_SaysItsNumbersAndTheirError()
    {
        using var scope = torch.NewDisposeScope();
        var kind = AnswerKinds.Of(OutputKind.Regression);
        using var mapped = Mapped(
            new OutputSpec { Name = "size", Kind = OutputKind.Regression }, torch.tensor([1.5f, -2f, 0.25f, 7f]).view(1, 4));
        ModelOutput answer = mapped.ToOutput(), other = answer with { Numbers = [1.5f, -1f, 0.25f, 4f] };

        var score = kind.Score(answer, new Truth { Numbers = [1.5, -4, 0.25, 10] }, 4);
        Assert.That((score["error"], score.Metric, score.Rank), Is.EqualTo(((double?)1.25, -1.25, -1.25)));
        Assert.That(score.Caption, Is.EqualTo("1.5, -2, 0.25, …"));
        Assert.That((answer with { Numbers = [1.5f, 0, 123456] }).ToSketch().Caption, Is.EqualTo("1.5, 0, 1.235E+05"));
        Assert.That(kind.Disagreement(answer, other, OneLeft), Is.EqualTo(1));
        Assert.That(answer.ToJson()!.ToJsonString(), Is.EqualTo("{\"numbers\":[1.5,-2,0.25,7]}"));
        Assert.That(
            kind.Heading(
                new Truth { Numbers = [1.5, -4] }, answer, score, None with { Values = [new("error", 3)] }, None),
            Is.EqualTo("truth 1.5, -4, error 1.25 (alone 3)"));
        Assert.That(mapped.ToArrays().Select(array => (array.Name, array.Shape[0], array.Parts.Single()[3])),
            Is.EqualTo(new[] { ("numbers", 4L, 7f) }));
        Assert.That((kind.ClassesOf(answer), kind.Truth, kind.HasClasses), Is.EqualTo((4, TruthForm.Numbers, false)));
        Assert.That(kind.RankTitle, Is.EqualTo("negative absolute error"));
        Assert.That(kind.Differ(answer, other), Is.EqualTo(new AnswerDifference(null, null)));
        Assert.That((answer.Class, answer.ToPicture()), Is.EqualTo(((int?)null, (ImageBuffer?)null)));
    }

    [Test]
    public void Points_AreMeasuredInPixels()
    {
        var kind = AnswerKinds.Of(OutputKind.Points);
        ModelOutput answer = Points((1, 1), (3, 2)), other = Points((4, 5), (3, 2));

        var score = kind.Score(answer, new Truth { Points = other.Points }, 2);
        Assert.That((score["distance"], score.Metric, score.Rank), Is.EqualTo(((double?)2.5, -2.5, -2.5)));
        Assert.That(score.Caption, Is.EqualTo("2.50 pixels off"));
        Assert.That(kind.Heading(new Truth(), answer, score, None with { Rank = -4 }, None with { Rank = -1.25 }),
            Is.EqualTo("distance 2.50 pixels (alone 4.00, undeformed 1.25)"));
        Assert.That(kind.Disagreement(Points((0, 1), (2, 2)), answer, OneLeft), Is.EqualTo(0).Within(1e-6), "where the map moved them");
        Assert.That(kind.Values(answer), Is.EqualTo(new float[] { 1, 1, 3, 2 }));
        Assert.That(Points((1, 1.5), (double.NaN, 2)).ToJson()!.ToJsonString(), Is.EqualTo("{\"points\":[[1,1.5],[null,2]]}"));
        Assert.That((answer.ToSketch().Points, answer.ToSketch().HasMarks), Is.EqualTo((answer.Points, true)));
        Assert.That((kind.ClassesOf(answer), kind.RankTitle), Is.EqualTo((2, "negative distance in pixels")));
        Assert.That(kind.Summarised.Single(), Is.EqualTo("distance"));
        Assert.That(kind.Columns.Select(column => (column.Heading, column.Measure, column.Statistic)), Is.EqualTo(new[]
        {
            ("mean distance", "distance", ScoreStatistic.Mean), ("std", "distance", ScoreStatistic.Std),
            ("median distance", "distance", ScoreStatistic.Median),
        }));
    }

    [Test]
    public void Boxes_OfHalfAScoreAreSure()
    {
        var kind = AnswerKinds.Of(OutputKind.Boxes);
        AnswerBox sure = new(0, 0, 2, 2) { Score = 0.5f, Class = 1 }, surer = new(1, 1, 3, 3) { Score = 0.75f, Class = 0 };
        AnswerBox unsure = new(2, 0, 4, 3) { Score = 0.49f, Class = 1 };
        var answer = Boxes(sure, unsure, surer) with { ClassNames = ["ground", "spot"] };

        Assert.That(answer.ToSketch().Boxes, Is.EqualTo(new[] { surer, sure }), "the surest first");
        Assert.That(answer.ToSketch().HasMarks);
        Assert.That(Boxes(new AnswerBox(0, 0, 1, 1)).ToSketch().Boxes, Has.Count.EqualTo(1), "without a score");
        AnswerBox certain = new(0, 0, 1, 1), nearly = new(0, 0, 1, 1) { Score = 0.95f };
        Assert.That(Boxes(nearly, certain).ToSketch().Boxes, Is.EqualTo(new[] { certain, nearly }), "without a score as with 1");
        AnswerBox[] many = [.. Enumerable.Range(0, 120).Select(i => sure with { Score = (i + 130) / 250f })];
        Assert.That(Boxes(many).ToSketch().Boxes, Is.EqualTo(many.Reverse().Take(100)), "a hundred at most");

        var score = kind.Score(answer, new Truth { Boxes = [sure, unsure] }, 2);
        // The unsure one is no answer, and the surest one of another class.
        Assert.That(score["iou"], Is.EqualTo(0.5).Within(1e-12));
        Assert.That(score["precision"], Is.EqualTo(2 / 3.0).Within(1e-12), "right are the second and the third of three");
        Assert.That((score.Metric, score.Rank, score.Caption), Is.EqualTo((0.5, 0.5, "IoU 0.500")));
        Assert.That(kind.Heading(new Truth(), answer, score, None with { Rank = 0.25 }, None with { Rank = 1 }),
            Is.EqualTo("IoU 0.500 (alone 0.250, undeformed 1.000)"));
        Assert.That(kind.Disagreement(Boxes(sure with { Left = -1, Right = 1 }), Boxes(sure, unsure), OneLeft), Is.EqualTo(0).Within(1e-6));
        Assert.That(kind.Disagreement(Boxes(sure), Boxes(sure), OneLeft), Is.EqualTo(1 - (2 / 6.0)).Within(1e-6));
        Assert.That(kind.Values(Boxes(sure, new AnswerBox(1, 2, 3, 4))), Is.EqualTo(new[] { 0, 0, 2, 2, 1, 2, 3, 4, 0.5f }));
        Assert.That((kind.ClassesOf(answer), kind.ClassesOf(Boxes(sure)), kind.RankTitle), Is.EqualTo((2, 0, "IoU")));
        Assert.That(kind.Columns.Select(column => (column.Heading, column.Measure, column.Statistic)), Is.EqualTo(new[]
        {
            ("mean IoU", "iou", ScoreStatistic.Mean), ("std", "iou", ScoreStatistic.Std), ("median IoU", "iou", ScoreStatistic.Median),
            ("mean AP at 0.5", "precision", ScoreStatistic.Mean),
        }));
    }

    [Test]
    public void Boxes_AreRecordedWithWhatIsKnownOfThem()
    {
        AnswerBox box = new(0, 0.5, 2, 2), sure = box with { Score = 0.5f }, labelled = sure with { Class = 1 };
        const string place = "[0,0.5,2,2]";
        string Json(ModelOutput answer) => answer.ToJson()!.ToJsonString();
        Assert.That(Json(Boxes(box)), Is.EqualTo($"{{\"boxes\":[{place}]}}"));
        Assert.That(Json(Boxes(box, sure)), Is.EqualTo($"{{\"boxes\":[{place},{place}],\"scores\":[null,0.5]}}"));
        Assert.That(Json(Boxes(box, labelled) with { ClassNames = ["a", "b"] }), Is.EqualTo(
            $"{{\"boxes\":[{place},{place}],\"scores\":[null,0.5],\"classes\":[null,1],\"classNames\":[null,\"b\"]}}"));
    }

    [Test]
    public void Boxes_BecomeArraysOfWhatTheOutputHas()
    {
        using var scope = torch.NewDisposeScope();
        var corners = torch.tensor([0f, 0f, 1f, 0.5f, -1f, 0f, 0f, 0.75f]).view(1, 4, 2);
        var spec = new OutputSpec { Name = "boxes", Kind = OutputKind.Boxes };
        using var alone = Mapped(spec, corners);
        using var full = Mapped(
            spec with { Scores = "s", Labels = "l" }, corners, torch.tensor([0.25f, 0.75f]).view(1, 2, 1),
            torch.tensor([3f, 1f]).view(1, 2));
        using var classes = Mapped(
            spec with { Scores = "s" }, corners, torch.tensor([0.25f, 0.5f, 0.75f, 0.125f]).view(1, 2, 2));

        Assert.That(alone.ToArrays().Select(array => array.Name), Is.EqualTo(new[] { "boxes" }));
        Assert.That(alone.ToArrays().Single().Parts.Single(), Is.EqualTo(new[] { 2, 1.5f, 4, 2.5f, 0, 1.5f, 2, 3 }).Within(1e-5));
        using var one = Mapped(spec with { Scores = "s" }, corners, torch.tensor([0.25f, 0.75f]).view(1, 2, 1));
        Assert.That(one.ToArrays().Select(Show), Is.EqualTo(new[] { "boxes 2x4", "scores 2: 0.25 0.75" }), "one score is no class");
        Assert.That(full.ToArrays().Select(Show), Is.EqualTo(new[] { "boxes 2x4", "scores 2: 0.25 0.75", "classes 2: 3 1" }));
        Assert.That(classes.ToArrays().Select(Show), Is.EqualTo(new[] { "boxes 2x4", "scores 2: 0.5 0.75", "classes 2: 1 0" }));

        static string Show(AnswerArray array) => array.Shape.Count == 2
            ? $"{array.Name} {string.Join('x', array.Shape)}"
            : $"{array.Name} {array.Shape.Single()}: {string.Join(' ', array.Parts.Single().Select(value =>
                value.ToString(CultureInfo.InvariantCulture)))}";
    }

    private static MappedOutput Mapped(OutputSpec spec, params torch.Tensor[] parts) =>
        new(spec, [new MappedAnswer(parts, null, null)], Grid, Grid.Height, Grid.Width);

    private static float[] Picture(MappedOutput answer) =>
        [.. answer.ToPicture(answer.ToSummary())!.SelectMany(tile => tile.Data.ToArray())];

    private static ModelOutput Mask(params byte[] labels) => new()
    {
        Kind = OutputKind.Segmentation, Height = 1, Width = labels.Length, Labels = new LabelMap(1, labels.Length, labels),
    };

    private static ModelOutput Planes(OutputKind kind, float[] values) =>
        AnswerKinds.Of(kind).OfPlanes(new ImageBuffer(1, 4, 5, values), new OutputSpec { Name = "out", Kind = kind });

    private static ModelOutput Points(params (double Column, double Row)[] points) =>
        new() { Kind = OutputKind.Points, Height = 4, Width = 5, Points = points };

    private static ModelOutput Boxes(params AnswerBox[] boxes) =>
        new() { Kind = OutputKind.Boxes, Height = 4, Width = 5, Boxes = boxes };
}
