using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tests.Fields;
using DiffeoNN.Onnx.Tests.Support;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Canonicalisation;

public sealed class CanonicaliserStoppingTests
{
    private static readonly SearchSpec Options = new()
    {
        Field = FieldKind.Lattice, Lattice = 6, LearningRate = 0.01, Steps = 40, Smoothness = 1e-4, Squarings = 3,
    };

    [Test]
    public void AnImageThatCannotImprove_ConvergesAfterPatienceAndLeavesTheBatch()
    {
        using var scope = torch.NewDisposeScope();
        var (template, deformed, _) = CanonicaliserTests.Deformed(32, 32, 3);
        var energy = new TemplateEnergy(template);
        using var result = new Canonicaliser(energy, Options with { Patience = 5 }).Run(torch.cat([template, deformed], 0));
        using var alone = new Canonicaliser(new TemplateEnergy(template), Options with { Patience = 5 }).Run(deformed);
        Assert.Multiple(() =>
        {
            Assert.That(result.Images[0].Stop, Is.EqualTo(StopReason.Converged));
            Assert.That(result.Images[0].Steps, Is.EqualTo(5));
            Assert.That(result.Images[1].Steps, Is.GreaterThan(5));
            Assert.That(energy.Batches.Take(6), Has.All.EqualTo(2), "both while both go on");
            Assert.That(energy.Batches.Skip(6), Has.All.EqualTo(1), "one afterwards");
            Assert.That(result.Images[1].Total.After, Is.EqualTo(alone.Images[0].Total.After).Within(1e-3 * alone.Images[0].Total.Before));
            Assert.That((result.Canonical[1] - alone.Canonical[0]).abs().max().item<float>(), Is.LessThan(0.01));
        });
    }

    [Test]
    public void ALargeTolerance_EndsTheRunEarlyWithTheRuleStated()
    {
        using var scope = torch.NewDisposeScope();
        var (template, deformed, _) = CanonicaliserTests.Deformed(32, 32, 3);
        using var result = new Canonicaliser(new TemplateEnergy(template), Options with { Patience = 3, Tolerance = 10 }).Run(deformed);
        Assert.That((result.Images[0].Stop, result.Images[0].Steps), Is.EqualTo((StopReason.Converged, 3)));
    }

    [Test]
    public void WithoutPatience_AllStepsAreTaken()
    {
        using var scope = torch.NewDisposeScope();
        var template = CanonicaliserTests.Blob(24, 24, 0, 0);
        using var result = new Canonicaliser(new TemplateEnergy(template), Options with { Patience = 0, Steps = 30 }).Run(template);
        Assert.That((result.Images[0].Stop, result.Images[0].Steps), Is.EqualTo((StopReason.StepBudget, 30)));
    }

    [Test]
    public void TheTimeBudget_EndsTheRunAfterTheStepInProgress()
    {
        using var scope = torch.NewDisposeScope();
        var (template, deformed, _) = CanonicaliserTests.Deformed(32, 32, 3);
        var energy = new TemplateEnergy(template) { Before = _ => Thread.Sleep(40) };
        using var result = new Canonicaliser(
            energy, Options with { TimeBudget = TimeSpan.FromMilliseconds(100), Steps = 1000, Patience = 0 }).Run(deformed);
        Assert.Multiple(() =>
        {
            Assert.That(result.Images[0].Stop, Is.EqualTo(StopReason.TimeBudget));
            Assert.That(energy.Batches, Has.Count.LessThanOrEqualTo(3));
            Assert.That(result.Images[0].Total.After, Is.LessThanOrEqualTo(result.Images[0].Total.Before));
        });
    }

    [Test]
    public void ANonFiniteImage_StopsWithItsBestIterateWhileOthersGoOn([Values] bool inGradient)
    {
        using var scope = torch.NewDisposeScope();
        var (template, deformed, _) = CanonicaliserTests.Deformed(32, 32, 3);
        var energy = new TemplateEnergy(template)
        {
            Spoil = (number, energies, gradients) =>
            {
                if (number == 4)
                    (inGradient ? gradients[0] : energies.narrow(0, 0, 1)).fill_(inGradient ? float.PositiveInfinity : float.NaN);
            },
        };
        var batch = torch.cat([deformed, deformed.flip(3)], 0);
        using var result = new Canonicaliser(energy, Options with { Steps = 10 }).Run(batch);
        using var alone = new Canonicaliser(new TemplateEnergy(template), Options with { Steps = 10 }).Run(deformed.flip(3));
        Assert.Multiple(() =>
        {
            Assert.That(result.Images[0].Stop, Is.EqualTo(StopReason.NonFinite));
            Assert.That(result.Images[0].Steps, Is.EqualTo(inGradient ? 5 : 4));
            Assert.That(result.Images[0].BestStep, Is.EqualTo(inGradient ? 4 : 3));
            Assert.That(result.Images[0].Total.After, Is.LessThan(result.Images[0].Total.Before));
            Assert.That(result.Velocity.isfinite().all().item<bool>(), Is.True);
            Assert.That(result.Images[1].Stop, Is.EqualTo(StopReason.StepBudget));
            Assert.That((result.Canonical[1] - alone.Canonical[0]).abs().max().item<float>(), Is.LessThan(0.01));
        });
    }

    [Test]
    public void AStartWithoutAFiniteEnergy_IsReturnedAsItIs()
    {
        using var scope = torch.NewDisposeScope();
        var template = CanonicaliserTests.Blob(24, 24, 0, 0);
        using var result = new Canonicaliser(new TemplateEnergy(template), Options).Run(template * float.NaN);
        Assert.That((result.Images[0].Stop, result.Images[0].Steps, result.Images[0].BestStep), Is.EqualTo((StopReason.NonFinite, 0, 0)));
        Assert.That(result.Displacement.abs().max().item<float>(), Is.Zero);
    }

    [Test]
    public void Cancellation_EndsTheRunWithinOneStepAndLeavesNothing()
    {
        using var scope = torch.NewDisposeScope();
        var (template, deformed, _) = CanonicaliserTests.Deformed(32, 32, 3);
        using var source = new CancellationTokenSource();
        var energy = new TemplateEnergy(template)
        {
            Before = number =>
            {
                if (number == 3)
                    source.Cancel();
            },
        };
        var live = LiveTensors.Settled();
        Assert.That(
            () => new Canonicaliser(energy, Options).Run(deformed, cancellationToken: source.Token),
            Throws.InstanceOf<OperationCanceledException>());
        Assert.That(energy.Batches, Has.Count.EqualTo(4));
        Assert.That(torch.Tensor.TotalCount, Is.EqualTo(live));
    }

    [Test]
    public void Progress_IsToldOfEveryIterate()
    {
        using var scope = torch.NewDisposeScope();
        var (template, deformed, _) = CanonicaliserTests.Deformed(24, 24, 2);
        var reports = new List<CanonicalisationProgress>();
        using var result = new Canonicaliser(new TemplateEnergy(template), Options with { Steps = 6 }).Run(
            deformed, progress: new Listener(reports.Add));
        Assert.Multiple(() =>
        {
            Assert.That(reports.Select(report => report.Step), Is.EqualTo(Enumerable.Range(0, 7)));
            Assert.That(reports.Select(report => report.BestTotals[0]), Is.Ordered.Descending);
            Assert.That(reports[^1].Active, Is.Zero);
            Assert.That(reports[^1].BestTotals[0], Is.EqualTo(result.Images[0].Total.After));
        });
    }

    [Test]
    public void TwoHundredRuns_LeaveNoTensors([Values] FieldKind kind)
    {
        using var scope = torch.NewDisposeScope();
        var (template, deformed, _) = CanonicaliserTests.Deformed(16, 16, 1);
        var batch = torch.cat([template, deformed, deformed.flip(2)], 0);
        var start = FieldFixtures.Field(3, 4, 4, 0.2, seed: 3);
        // Patience 2 sends the template out of the batch, so compaction is among what must not leak.
        var canonicaliser = new Canonicaliser(
            new TemplateEnergy(template), Options with { Field = kind, Lattice = 4, Steps = 4, Patience = 2 });
        canonicaliser.Run(batch, start).Dispose();
        var live = LiveTensors.Settled();
        for (var i = 0; i < 200; i++)
            canonicaliser.Run(batch, i % 2 == 0 ? start : null).Dispose();
        Assert.That(torch.Tensor.TotalCount, Is.EqualTo(live));
    }

    [Test]
    public void WrongShapesAndOptions_AreRefused()
    {
        using var scope = torch.NewDisposeScope();
        var canonicaliser = new Canonicaliser(new TemplateEnergy(torch.zeros(1, 1, 8, 8)), Options);
        var images = torch.zeros(2, 1, 8, 8);
        Assert.Multiple(() =>
        {
            Assert.That(() => canonicaliser.Run(images[0]), Throws.ArgumentException.With.Message.Contains("images have shape (1, 8, 8)"));
            Assert.That(() => canonicaliser.Run(images.to_type(torch.ScalarType.Float64)),
                Throws.ArgumentException.With.Message.Contains("Float64"));
            Assert.That(() => canonicaliser.Run(images, torch.zeros(1, 2, 4, 4)),
                Throws.ArgumentException.With.Message.Contains("2 images need (2, 2, h, w)"));
            Assert.That(
                () => new Canonicaliser(new TemplateEnergy(images), Options with { Lattice = 1 }),
                Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("lattice is 1"));
            Assert.That(
                () => new Canonicaliser(new TemplateEnergy(images), Options with { LearningRate = double.NaN }),
                Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("learningRate"));
        });
    }

    private sealed class Listener(Action<CanonicalisationProgress> report) : IProgress<CanonicalisationProgress>
    {
        public void Report(CanonicalisationProgress value) => report(value);
    }
}
