using System.Text.Json;
using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Evaluation;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Metrics;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tests.Bundles;
using DiffeoNN.Onnx.Tests.Support;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Evaluation;

/// <summary>Scores on the tiny bundle of untrained networks: two channels, 12x16 pixels, three classes.</summary>
public sealed class EvaluatorTests
{
    private static readonly EquivariantOptions Options =
        new() { Execution = new ExecutionOptions { Device = ExecutionDevice.Cpu }, Steps = 3 };

    [Test]
    public void Run_OnUndeformedImages_ClosesNoGapAndChangesNothing()
    {
        using var model = EquivariantModel.Load(TinyBundle.Original, Options with { Start = StartPoint.Identity, Steps = 0 });
        var summary = new Evaluator(model, new EvaluationOptions { Deformation = new NoDeformation() }).Run(new RandomData(3)).Summary;
        Assert.That(summary.Methods.Naive, Is.EqualTo(summary.Methods.Clean));
        Assert.That(summary.Methods.Diffeonn, Is.EqualTo(summary.Methods.Clean));
        Assert.That(summary.GapClosed, Is.Null);
        Assert.That((summary.EnergyGap, summary.EquivarianceError, summary.Folded), Is.EqualTo((0.0, 0.0, 0)));
    }

    [Test]
    public void Run_ScoresEveryMethodAgainstTheDeformedTruth()
    {
        using var tiny = new TinyBundle();
        tiny.Manifest(root => root["models"]!["augmented"] = root["models"]!["inner"]!.DeepClone());
        using var model = EquivariantModel.Load(tiny.Path, Options);
        var evaluator = new Evaluator(model, new EvaluationOptions { Deformation = new ThinPlateDeformation(), Seed = 9, Batch = 2 });
        var data = new RandomData(5);
        var result = evaluator.Run(data);
        Assert.That(result.Samples.Select(sample => sample.Index), Is.EqualTo(new[] { 0, 1, 2, 3, 4 }));
        Assert.That(result.Summary.Methods.Augmented, Is.EqualTo(result.Summary.Methods.Naive), "the same network");
        Assert.That(result.Summary.EnergyGap, Is.EqualTo(result.Samples.Average(sample => sample.EnergyGap!.Value)));
        Assert.That(result.Summary.EquivarianceError, Is.InRange(0.0, 1.0));

        var sample = evaluator.Deform(data, 3);
        var expected = SegmentationScore.Of(model.RunNaive([sample.Image])[0].Labels!, sample.Mask!, 3);
        Assert.That(result.Samples[3].Naive["iou"], Is.EqualTo(expected.Iou));
        Assert.That(sample.Map.U.ToArray(), Is.EqualTo(new ThinPlateDeformation().Draw(new SamplingGrid(12, 16), 9, 3).U.ToArray()));
    }

    [Test]
    public void Run_WithTheSameSeed_GivesTheSameTable()
    {
        using var model = EquivariantModel.Load(TinyBundle.Original, Options);
        var options = new EvaluationOptions { Seed = 3, Batch = 2 };
        string Table(EvaluationOptions with) => SampleTable.ToCsv(new Evaluator(model, with).Run(new RandomData(3)).Samples);
        string first = Table(options), again = Table(options);
        Assert.That(again, Is.EqualTo(first));
        Assert.That(first, Is.Not.EqualTo(Table(options with { Seed = 4 })));
        Assert.That(first.Split('\n'), Has.Length.EqualTo(5), "a header, three rows, an end");
        Assert.That(Table(options with { MeasuresInvariance = false }).Split('\n')[1], Does.EndWith(",,"));
    }

    [Test]
    public void Run_KeepsTheMapsOfImagesBehindASkippedOne()
    {
        using var model = EquivariantModel.Load(TinyBundle.Original, Options with { Steps = 0 });
        var evaluator = new Evaluator(model, new EvaluationOptions { Batch = 1 });
        var whole = evaluator.Run(new RandomData(3));
        var data = new RandomData(3) { Broken = 1 };
        var part = evaluator.Run(data, DataCheck.Of(data, skipBad: true));
        Assert.That(part.Skipped, Is.EqualTo(new[] { "'image-1' is broken." }));
        Assert.That(part.Summary.Count, Is.EqualTo(2));
        Assert.That(part.Samples[1].Naive, Is.EqualTo(whole.Samples[2].Naive));
        Assert.That(() => evaluator.Run(data), Throws.TypeOf<ImageException>().With.Message.Contains("image-1"));
    }

    [Test]
    public void Run_ReadsImagesBatchByBatchAndKeepsNoTensor()
    {
        using var model = EquivariantModel.Load(TinyBundle.Original, Options);
        var evaluator = new Evaluator(model, new EvaluationOptions { Batch = 2 });
        var data = new RandomData(6);
        var check = DataCheck.Of(data);
        evaluator.Run(data, check);
        var tensors = LiveTensors.Settled();
        data.Reads = 0;
        var done = new List<double>();
        evaluator.Run(data, check, new Progress(value =>
        {
            done.Add(value.Done);
            Assert.That(data.Reads, Is.LessThanOrEqualTo(Math.Floor(value.Done + 2)), "no batch is read ahead");
        }));
        Assert.That(torch.Tensor.TotalCount, Is.EqualTo(tensors));
        Assert.That(done, Is.Ordered);
        Assert.That(done[^1], Is.EqualTo(6));
    }

    [Test]
    public void Run_WhenCancelled_Ends()
    {
        using var model = EquivariantModel.Load(TinyBundle.Original, Options);
        using var cancelled = new CancellationTokenSource();
        var evaluator = new Evaluator(model, new EvaluationOptions { Batch = 1 });
        var data = new RandomData(4);
        var progress = new Progress(value =>
        {
            if (value.Done > 1.5) cancelled.Cancel();
        });
        Assert.That(() => evaluator.Run(data, null, progress, cancelled.Token), Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public void Evaluator_OfImages_IsRefused()
    {
        using var tiny = new TinyBundle();
        tiny.Manifest(root => root["models"]!["inner"]!["output"] = new JsonObject { ["name"] = "logits", ["kind"] = "image" });
        using var model = EquivariantModel.Load(tiny.Path, Options);
        Assert.That(() => new Evaluator(model),
            Throws.TypeOf<BundleException>().With.Message.Contains("answers with image, which has no score"));
    }

    [TestCase(0.9, 0.7, 0.8, 0.5)]
    [TestCase(0.9, 0.7, 0.6, -0.5)]
    [TestCase(0.9, 0.896, 0.9, null)]
    [TestCase(0.8, 0.9, 0.9, null)]
    public void GapClosed_IsStatedWhereThereIsAGap(double clean, double naive, double found, double? expected)
    {
        var share = EvaluationSummary.ShareOfGap(clean, naive, found);
        if (expected is null) Assert.That(share, Is.Null);
        else Assert.That(share, Is.EqualTo(expected).Within(1e-12));
    }

    [Test]
    public void Summary_HasExactlyItsFields()
    {
        using var model = EquivariantModel.Load(TinyBundle.Original, Options with { Steps = 0 });
        using var json = JsonDocument.Parse(new Evaluator(model).Run(new RandomData(2)).Summary.ToJson());
        string[] Names(JsonElement element) => [.. element.EnumerateObject().Select(property => property.Name)];
        Assert.That(Names(json.RootElement), Is.EqualTo(new[]
        {
            "model", "data", "split", "source", "deform", "seed", "count", "methods", "gapClosed", "folded", "inverseResidualPixels",
            "energyGap", "equivarianceError", "secondsPerImage", "search", "reference",
        }));
        var methods = json.RootElement.GetProperty("methods");
        Assert.That(Names(methods), Is.EqualTo(new[] { "clean", "naive", "diffeonn", "augmented" }));
        Assert.That(methods.GetProperty("augmented").ValueKind, Is.EqualTo(JsonValueKind.Null));
        Assert.That(Names(methods.GetProperty("naive")), Is.EqualTo(new[] { "iou", "dice", "accuracy" }));
        Assert.That(Names(methods.GetProperty("naive").GetProperty("iou")), Is.EqualTo(new[] { "mean", "std", "median", "q1", "q3" }));
    }

    [Test]
    public void Run_KeepsOneRowAnImage()
    {
        using var model = EquivariantModel.Load(TinyBundle.Original, Options with { Steps = 1 });
        var evaluator = new Evaluator(model, new EvaluationOptions { Batch = 4 });
        var data = new RandomData(16) { Height = 200, Width = 240 };
        const int Plane = 200 * 240 * sizeof(float);
        evaluator.Run(data);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var result = evaluator.Run(data);
        var kept = (GC.GetTotalMemory(forceFullCollection: true) - before) / data.Count;
        Assert.That(result.Samples, Has.Count.EqualTo(16));
        Assert.That(kept, Is.LessThan(Plane / 10), "bytes an image; one plane of it alone would be ten times that");
    }

    private sealed class Progress(Action<EvaluationProgress> report) : IProgress<EvaluationProgress>
    {
        public void Report(EvaluationProgress value) => report(value);
    }
}
