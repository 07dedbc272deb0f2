using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Evaluation;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.RandomNumbers;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tests.Answers;
using DiffeoNN.Onnx.Tests.Bundles;
using DiffeoNN.Onnx.Tuning;

namespace DiffeoNN.Onnx.Tests.Evaluation;

/// <summary>Scores against a network's own answers on undeformed images, for every kind of answer. The networks answer by where a bright
/// spot is, in ways that no rotation goes through, and the proposer undoes the deformation exactly.</summary>
[TestFixture]
internal sealed class AgreementDataTests
{
    private const double Turn = 0.4, Growth = 0.15;

    private static readonly EquivariantOptions Options = new()
    {
        Execution = new ExecutionOptions { Device = ExecutionDevice.Cpu }, Start = StartPoint.Proposer, Accept = AcceptanceRule.Always,
    };

    [Test]
    public void OwnAnswers_OnUndeformedImages_ScorePerfectly([Values] OutputKind kind)
    {
        using var bundle = Bundle(kind);
        using var model = EquivariantModel.Load(bundle.Path, Options with { Start = StartPoint.Identity, Steps = 0 });
        var result = Evaluate(model, new NoDeformation());

        foreach (var sample in result.Samples)
        {
            foreach (var score in new[] { sample.Clean, sample.Naive, sample.Diffeonn })
            {
                foreach (var (name, value) in score.Values.Where(value => value.Key is not ("class" or "probability")))
                    Assert.That(value, Is.EqualTo(name is "error" or "distance" ? 0 : 1).Within(1e-4), $"{name} of {sample.Name}");
            }

            Assert.That(sample.EquivarianceError, Is.EqualTo(0).Within(1e-4));
        }

        Assert.That(result.Summary.ToJson(), Does.Contain("\"reference\": \"agreement\""));
        Assert.That(result.Summary.GapClosed, Is.Null);
    }

    [Test]
    public void OwnAnswers_UnderADeformationThatTheProposerUndoes_AreFoundAgain([Values] OutputKind kind)
    {
        using var bundle = Bundle(kind);
        using var model = EquivariantModel.Load(bundle.Path, Options);
        var summary = Evaluate(model, new Undone(bundle)).Summary;

        double clean = summary.Methods.Clean.Metric.Mean, naive = summary.Methods.Naive.Metric.Mean;
        Assert.That(clean, Is.EqualTo(summary.Methods.Clean.Values[0].Key is "error" or "distance" ? 0 : 1).Within(1e-4));
        Assert.That(naive, Is.LessThan(clean - 0.03), "the network alone is not equivariant");
        Assert.That(summary.GapClosed, Is.GreaterThan(0.5), "but for resampling");
    }

    [Test]
    public void Pictures_LeaveOutWhatComesFromOutsideTheImage()
    {
        var grid = new SamplingGrid(4, 5);
        // One pixel to the right: the last column comes from outside.
        var map = new DeformationMap(grid, [.. Enumerable.Range(0, 40).Select(i => i < 20 ? grid.PixelSize : 0)]);
        var kind = AnswerKinds.Of(OutputKind.Image);
        ModelOutput original = Picture(i => i), moved = Picture(i => i % 5 == 4 ? 1000 : i + 1);

        var truth = kind.TruthOf(original).Deform(map);
        Assert.That(kind.Score(moved, truth, 1)["error"], Is.EqualTo(0).Within(1e-5));
        Assert.That(kind.Disagreement(moved, original, map), Is.EqualTo(0).Within(1e-5));
        var score = kind.Score(Picture(i => i % 5 == 0 ? i + 3 : i + 1), truth, 1);
        // Four of sixteen pixels are off by 2.
        Assert.That(score["error"], Is.EqualTo(1).Within(1e-5));
        Assert.That((score.Metric, score.Rank, score.Caption), Is.EqualTo((-score["error"], -score["error"], "error 1")));
        Assert.That(kind.Heading(truth, moved, score, score, score), Is.EqualTo("RMS error 1 (alone 1, undeformed 1)"));
        Assert.That(kind.Truth, Is.EqualTo(TruthForm.None), "no data hold the truth of pictures");

        static ModelOutput Picture(Func<int, float> value) => AnswerKinds.Of(OutputKind.Image).OfPlanes(
            new ImageBuffer(1, 4, 5, [.. Enumerable.Range(0, 20).Select(value)]), new OutputSpec { Name = "out", Kind = OutputKind.Image });
    }

    [Test]
    public void Boxes_ThatAreUnsureOrWithoutArea_AreNoTruth()
    {
        AnswerBox sure = new(0, 0, 2, 2) { Score = 0.9f, Class = 0 }, unsure = sure with { Score = 0.2f }, flat = sure with { Right = 0 };
        var kind = AnswerKinds.Of(OutputKind.Boxes);
        ModelOutput full = Boxes(flat, sure, unsure), empty = Boxes(flat, unsure);

        Assert.That(kind.TruthOf(full).Boxes, Is.EqualTo(new[] { sure }));
        foreach (var answer in new[] { full, empty })
        {
            var score = kind.Score(answer, kind.TruthOf(answer), 1);
            Assert.That((score["iou"], score["precision"]), Is.EqualTo(((double?)1, (double?)1)));
        }

        Assert.That(kind.Score(full, kind.TruthOf(empty), 1)["iou"], Is.Zero);
        Assert.That(kind.Score(empty, kind.TruthOf(full), 1)["iou"], Is.Zero);

        static ModelOutput Boxes(params AnswerBox[] boxes) =>
            new() { Kind = OutputKind.Boxes, Height = 4, Width = 5, Boxes = boxes };
    }

    [Test]
    public void Headings_SayThatTheTruthIsTheNetworksOwnAnswer()
    {
        var kind = AnswerKinds.Of(OutputKind.Classification);
        var answer = new ModelOutput { Kind = OutputKind.Classification, Height = 4, Width = 5, Scores = [0.25f, 0.75f] };
        var score = kind.Score(answer, kind.TruthOf(answer), 2);
        Assert.That(kind.Heading(kind.TruthOf(answer), answer, score, score, score),
            Is.EqualTo("own answer class 1, given 0.750 (alone 0.750)"));
        Assert.That((kind.RankTitle, kind.AgreementTitle),
            Is.EqualTo(("probability of the true class", "probability of the network's own class")));
    }

    [TestCase(1 << 20, 4)]
    [TestCase(7_500, 2)]
    [TestCase(0, 0)]
    public void Answers_AreKeptWithinABound_AndTheSameBeyond(long bytes, int kept)
    {
        using var bundle = Bundle(OutputKind.Segmentation);
        using var model = EquivariantModel.Load(bundle.Path, Options);
        var data = new AgreementData(model, new Spots(4), bytes);
        LabelMap[] first = [.. Enumerable.Range(0, 4).Select(i => data.Read(i).Mask!)];
        Assert.That(data.Kept, Is.EqualTo(kept));
        for (var i = 0; i < 4; i++)
        {
            var again = data.Read(i);
            Assert.That(again.Mask!.Labels.ToArray(), Is.EqualTo(first[i].Labels.ToArray()), $"image {i}");
            Assert.That(ReferenceEquals(again.Mask, first[i]), Is.EqualTo(i < kept), "asked once");
            Assert.That(again.Mask.Labels.ToArray(), Does.Contain((byte)1));
            Assert.That((again.Label, again.Reference), Is.EqualTo(((int?)null, AnswerReference.Agreement)), "no truth of the data's");
        }

        Assert.That((data.Name, data.Split, data.Source, data.Count), Is.EqualTo(("spots", "val", "x", 4)));
        Assert.That(data.Problems, Is.EqualTo(new[] { "line 3 is odd" }));
    }

    [Test]
    public void Tuner_ScoresPictures_AndNotesWhatWith()
    {
        using var tiny = new TinyBundle();
        tiny.Manifest(root => root["models"]!["inner"]!["output"] = new JsonObject { ["name"] = "logits", ["kind"] = "image" });
        using var model = EquivariantModel.Load(tiny.Path, new EquivariantOptions { Execution = Options.Execution });
        Assert.That(() => new Tuner(model), Throws.TypeOf<BundleException>().With.Message.Contains("answers with image"));
        var options = new TuningOptions { Trials = 1, Task = EvaluationTask.OfAgreement(model) };
        var result = new Tuner(model, options).Run(new AgreementData(model, new RandomData(4)));
        Assert.That(result.Present.Undeformed, Is.LessThanOrEqualTo(0), "a negative error");
        Assert.That(result.Present.Deformed, Is.All.LessThan(0));
        Assert.That(result.Note, Does.Contain(
            "undeformed and by tps, tps-strong, agreement with the network's own answers on undeformed images, seed 1"));
        Assert.That(() => new Tuner(model, options).Run(new AgreementData(model, new RandomData(4) { Split = "test" })),
            Throws.ArgumentException.With.Message.Contains("never chosen on test images"));
    }

    private static EvaluationResult Evaluate(EquivariantModel model, Deformation deformation)
    {
        var task = EvaluationTask.OfAgreement(model);
        Assert.That(task.IsAgreement);
        var evaluator = new Evaluator(model, new EvaluationOptions { Deformation = deformation, Task = task, Batch = 2 });
        Assert.That(evaluator.Task, Is.EqualTo(task));
        return evaluator.Run(new AgreementData(model, new Spots(3)));
    }

    private static AnswerBundle Bundle(OutputKind kind)
    {
        var name = kind.ToString().ToLowerInvariant();
        float[] ramp = [.. Enumerable.Range(0, AnswerBundle.Height * AnswerBundle.Width)
            .Select(i => ((i % AnswerBundle.Width) - 34) / 4f)];
        return new AnswerBundle(
            graph =>
            {
                if (kind is OutputKind.Segmentation or OutputKind.Image)
                {
                    var plane = graph.Op(
                        "Mul", AnswerGraph.Image, graph.Floats([1, 1, AnswerBundle.Height, AnswerBundle.Width], ramp));
                    graph.Output("out", plane, OnnxElementType.Float, "N", 1, AnswerBundle.Height, AnswerBundle.Width);
                    return;
                }

                string x = graph.Column, y = graph.Row;
                if (kind == OutputKind.Boxes)
                {
                    var corners = graph.Concat(graph.Plus(y, -4), graph.Plus(x, -4), graph.Plus(y, 4), graph.Plus(x, 4));
                    graph.Output("out", graph.Reshape(corners, -1, 1, 4), OnnxElementType.Float, "N", 1, 4);
                    return;
                }

                var second = kind == OutputKind.Classification ? graph.Plus(graph.Times(x, 0), 39.2) : x;
                graph.Output("out", graph.Concat(kind == OutputKind.Classification ? x : y, second), OnnxElementType.Float, "N", 2);
            },
            kind is OutputKind.Points or OutputKind.Boxes
                ? KnownMap.Output("out", name, ("coordinates", "pixels"))
                : KnownMap.Output("out", name),
            Turn, Growth);
    }

    /// <summary>What the bundle's proposer undoes.</summary>
    private sealed class Undone(AnswerBundle bundle) : Deformation
    {
        public override string Name => "undone";

        protected override double[] Propose(SamplingGrid grid, SplitMix64 random)
        {
            var u = new double[2 * grid.Height * grid.Width];
            for (var row = 0; row < grid.Height; row++)
                for (var column = 0; column < grid.Width; column++)
                {
                    var (x, y) = bundle.Back(column, row);
                    var at = (row * grid.Width) + column;
                    (u[at], u[(grid.Height * grid.Width) + at]) = ((x - column) * grid.PixelSize, (y - row) * grid.PixelSize);
                }

            return u;
        }
    }

    /// <summary>Spots of falling brightness, with labels that are not looked at.</summary>
    private sealed class Spots(int count) : IEvaluationData
    {
        public string Name => "spots";

        public string? Split => "val";

        public string? Source => "x";

        public int Count => count;

        public IReadOnlyList<string> Problems => count == 4 ? ["line 3 is odd"] : [];

        public EvaluationSample Read(int index)
        {
            var image = KnownMap.SpotImage();
            foreach (ref var value in image.Data) value *= 1 - (0.1f * index);
            return new EvaluationSample($"spot-{index}", image, null, 7);
        }
    }
}
