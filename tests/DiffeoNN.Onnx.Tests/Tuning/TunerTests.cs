using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Evaluation;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tests.Bundles;
using DiffeoNN.Onnx.Tests.Evaluation;
using DiffeoNN.Onnx.Tests.Support;
using DiffeoNN.Onnx.Tuning;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Tuning;

/// <summary>Tuning of the tiny bundle: two channels, 12x16 pixels, three classes, with a proposer.</summary>
public sealed class TunerTests
{
    private static readonly EquivariantOptions OnCpu = new() { Execution = new ExecutionOptions { Device = ExecutionDevice.Cpu } };
    private static readonly TuningOptions Few =
        new() { Deformations = [new ThinPlateDeformation(), new VelocityDeformation()], Trials = 9, Seed = 3, Batch = 4 };

    [Test]
    public void Run_DropsWhatFallsBehindAndScoresTheRestOnAllImages()
    {
        using var model = EquivariantModel.Load(TinyBundle.Original, OnCpu);
        var told = new List<TuningTrial>();
        var result = new Tuner(model, Few).Run(Data(16), null, new Listener(told.Add));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.Trials.Select(trial => trial.Number), Is.EqualTo(Enumerable.Range(0, 10)));
            // Four far from the present settings, then four near the best so far: 4, 2 and 1 of each on 4, 8 and 16 images.
            Assert.That(told.Select(trial => trial.Images), Is.EqualTo(new[] { 16, 16, 4, 4, 4, 4, 8, 8, 16, 4, 4, 4, 4, 8, 8, 16 }));
            Assert.That(told.Skip(2).Take(4).OrderByDescending(trial => trial.Score).ThenBy(trial => trial.Number).Take(2)
                .Select(trial => trial.Number),
                Is.EqualTo(told.Skip(6).Take(2).Select(trial => trial.Number)), "the better half goes on");
            Assert.That(result.Best.Images, Is.EqualTo(16));
            Assert.That(result.Best.Score,
                Is.EqualTo(result.Trials.Where(trial => trial.Images == 16).Max(trial => trial.Score)).Or.EqualTo(result.Present.Score));
            foreach (var trial in result.Trials)
                Assert.That(trial.Score, Is.EqualTo(0.5 * (trial.Undeformed + trial.Deformed.Average())).Within(1e-12));
            Assert.That(result.Trials.Skip(2).Select(trial => trial.Settings), Is.Unique);
            Assert.That(result.Trials.Skip(2).Select(trial => trial.Settings with
                {
                    Adversarial = 1, Beta = 1, Energy = 1, IdentityWeight = 0, CanonicalBelow = null, MinimumDecrease = 0,
                    Refinement = null,
                }),
                Is.All.EqualTo(model.Bundle.Manifest.Search with
                {
                    Adversarial = 1, Beta = 1, Energy = 1, IdentityWeight = 0, MinimumDecrease = 0,
                }),
                "a search from the proposal has its own settings");
        }
    }

    [Test]
    public void Run_ScoresWhatTheEvaluatorScoresUnderTheSettingsWritten()
    {
        using var tiny = new TinyBundle();
        tiny.Manifest(root => root["acceptance"] = new JsonObject { ["minimumDecrease"] = 0.05 });
        using var model = EquivariantModel.Load(tiny.Path, OnCpu);
        var data = Data(6);
        var result = new Tuner(model, Few with { Trials = 3 }).Run(data);
        var partly = 0;
        foreach (var trial in result.Trials.Where(trial => trial.Images == 6))
        {
            (model.Bundle.Manifest with { Search = trial.Settings }).Save(tiny.File(BundleManifest.FileName));
            using var written = EquivariantModel.Load(tiny.Path, OnCpu with { Seed = Few.Seed });
            double Metric(Deformation deformation) =>
                new Evaluator(written, new EvaluationOptions { Deformation = deformation, Seed = Few.Seed, Batch = 4 })
                    .Run(data).Summary.Methods.Diffeonn.Metric.Mean;
            using (Assert.EnterMultipleScope())
            {
                Assert.That(trial.Undeformed, Is.EqualTo(Metric(new NoDeformation())).Within(1e-6), $"trial {trial.Number}");
                Assert.That(trial.Deformed, Is.EqualTo(Few.Deformations.Select(Metric)).Within(1e-6), $"trial {trial.Number}");
            }

            if (trial.DeformedUsed is > 0 and < 1 || trial.UndeformedUsed is > 0 and < 1) partly++;
        }

        Assert.That(partly, Is.GreaterThan(0), "a rule that uses all maps or none shows nothing");
    }

    [Test]
    public void Run_Twice_GivesTheSame()
    {
        using var model = EquivariantModel.Load(TinyBundle.Original, OnCpu);
        TuningTrial[] Run(ulong seed) => [.. new Tuner(model, Few with { Trials = 4, Seed = seed }).Run(Data(4)).Trials
            .Select(trial => trial with { SecondsPerImage = 0, Deformed = [] })];
        var first = Run(3);
        Assert.That(Run(3), Is.EqualTo(first));
        Assert.That(Run(4), Is.Not.EqualTo(first));
    }

    [Test]
    public void Acceptance_IsAQuantileOfTheUndeformedEnergiesByTheWeightsOfTheTrial()
    {
        using var model = EquivariantModel.Load(TinyBundle.Original, OnCpu);
        var data = Data(9);
        var result = new Tuner(model, Few with { Trials = 6 }).Run(data);
        foreach (var trial in result.Trials.Skip(1))
        {
            using var weighted = model.WithSettings(model.Bundle.Manifest with { Search = trial.Settings });
            float[] energies = [.. weighted.Energies([.. Enumerable.Range(0, 9).Select(i => data.Read(i).Image)], default).Order()];
            // Of nine values the quantiles 0.5 and 0.75 are the fifth and the seventh; 0.85 and 0.95 lie between two.
            double[] quantiles = [energies[4], energies[6], energies[6] + (0.8 * (energies[7] - energies[6])),
                energies[7] + (0.6 * (energies[8] - energies[7]))];
            if (trial.Settings.CanonicalBelow is { } below)
                Assert.That(quantiles.Min(quantile => Math.Abs(quantile - below) / Math.Abs(quantile)), Is.LessThan(1e-3),
                    $"trial {trial.Number}: {below}");
            Assert.That(trial.Settings.MinimumDecrease, Is.AnyOf(0.0, 0.1, 0.25, 0.4));
        }

        Assert.That(result.Trials.Skip(1).Any(trial => trial.Settings.CanonicalBelow is not null));
    }

    [Test]
    public void Run_WhereNothingIsBetter_KeepsThePresentSettings()
    {
        using var tiny = new TinyBundle();
        // The network answers with class 0 wherever it looks, and so do the masks.
        tiny.Model("inner", model =>
        {
            var graph = model.Graph;
            var logits = graph.Outputs[0];
            graph.AddNode("Mul", [logits.Name, graph.AddInitializer(OnnxTensor.Scalar("nothing", 0f))], "flat");
            graph.Outputs[0] = logits with { Name = "flat" };
        }).Manifest(root => root["models"]!["inner"]!["output"]!["name"] = "flat");
        using var model = EquivariantModel.Load(tiny.Path, OnCpu);
        var result = new Tuner(model, Few with { Trials = 3 }).Run(Data(4, blank: true));
        Assert.That(result.Trials.Select(trial => trial.Score), Is.All.EqualTo(1));
        Assert.That((result.Improves, result.Best), Is.EqualTo((false, result.Present)));
    }

    [Test]
    public void Run_KeepsNoTensorAndEndsWhenCancelled()
    {
        using var model = EquivariantModel.Load(TinyBundle.Original, OnCpu);
        var tuner = new Tuner(model, Few with { Trials = 2 });
        var data = Data(4);
        tuner.Run(data);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var before = LiveTensors.Settled();
        tuner.Run(data);
        using var cancelled = new CancellationTokenSource();
        Assert.That(() => tuner.Run(data, null, new Listener(_ => cancelled.Cancel()), cancelled.Token),
            Throws.InstanceOf<OperationCanceledException>());
        Assert.That(torch.Tensor.TotalCount, Is.EqualTo(before));
    }

    [Test]
    public void WhatIsNotTuned_IsRefused()
    {
        using var tiny = new TinyBundle();
        using var model = EquivariantModel.Load(tiny.Path, OnCpu);
        Assert.That(() => new Tuner(model, Few).Run(Data(4, split: "Test")),
            Throws.ArgumentException.With.Message.Contains("never chosen on test images"));
        Assert.That(() => new Tuner(model, Few with { Deformations = [new NoDeformation()] }),
            Throws.ArgumentException.With.Message.Contains("not 'none'"));
        Assert.That(() => new Tuner(model, Few with { Deformations = [] }), Throws.ArgumentException.With.Message.Contains("at least one"));
        Assert.That(() => new Tuner(model, Few with { Trials = 0 }), Throws.InstanceOf<ArgumentOutOfRangeException>());
        tiny.Manifest(root => root["optimiser"]!["start"] = "multi");
        using var several = EquivariantModel.Load(tiny.Path, OnCpu);
        Assert.That(() => new Tuner(several), Throws.TypeOf<BundleException>().With.Message.Contains("several points"));
    }

    [Test]
    public void ApplyTo_ChangesTheSettingsAndTheNoteAlone()
    {
        using var model = EquivariantModel.Load(TinyBundle.Original, OnCpu);
        var manifest = model.Bundle.Manifest with
            { Provenance = new Provenance { Tool = "trainer", Notes = "first\nTuned: long ago.\nlast" } };
        var present = manifest.Search;
        var better = present with
            { Adversarial = 4.5, CanonicalBelow = 12.5, InverseResidual = 0.5, Refinement = new SearchSpec { Steps = 0 } };
        var trial = new TuningTrial(0, present, 7, 0.5, 0.6, [0.4], 0, 1, 0.1);
        var best = trial with { Number = 5, Settings = better, Score = 0.75 };
        var result = new TuningResult([trial, best], best, [], TuningResult.Describe(Data(7, split: "val"), Few, trial, best));

        var written = result.ApplyTo(manifest);

        Assert.That(better.ChangesFrom(present),
            Is.EqualTo("adversarial 3 -> 4.5, canonicalBelow none -> 12.5, inverseResidual none -> 0.5, refinement.steps none -> 0"));
        Assert.That(present.ChangesFrom(present), Is.Empty);
        Assert.That(written.Search, Is.EqualTo(better));
        Assert.That(written.Provenance!.Notes,
            Is.EqualTo("first\nlast\nTuned: 7 images of split val, undeformed and by tps, svf, seed 3, 9 trials, score 0.5000 to 0.7500."));
        Assert.That(written.Provenance.Tool, Is.EqualTo("trainer"));
        Assert.That((written with { Search = present, Provenance = manifest.Provenance }).ToJson(), Is.EqualTo(manifest.ToJson()),
            "all else stays");
    }

    private static RandomData Data(int count, string? split = "val", bool blank = false) => new(count) { Split = split, IsBlank = blank };

    private sealed class Listener(Action<TuningTrial> report) : IProgress<TuningTrial>
    {
        public void Report(TuningTrial value) => report(value);
    }
}
