using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tests.Support;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Canonicalisation;

public sealed class StartSearchTests
{
    private static readonly SearchSpec Options = new()
    {
        Field = FieldKind.Lattice, Lattice = 6, LearningRate = 0.01, Steps = 15, Smoothness = 1e-4, Squarings = 5,
    };

    private static readonly double[] Rotations = [0, -30, 30, -60, 60];

    [TestCase(30, 1.0)]
    [TestCase(-75, 1.0)]
    [TestCase(0, 1.3)]
    [TestCase(20, 0.8)]
    public void RigidVelocity_IsTheRotationAndScaleItSays(double rotation, double scale)
    {
        using var scope = torch.NewDisposeScope();
        var grid = new SamplingGrid(40, 64);
        var v = LatticeUpsampling.Resample(RigidStarts.Velocity(grid, rotation, scale), grid);
        var u = ScalingAndSquaring.Exp(v, 10);
        var (x, y) = (grid.X(36), grid.Y(24));
        // Content turned anticlockwise on the screen: a point looks back clockwise, which with y downwards is from x towards y.
        var angle = rotation * Math.PI / 180;
        var expectedX = ((Math.Cos(angle) * x) - (Math.Sin(angle) * y)) / scale;
        var expectedY = ((Math.Sin(angle) * x) + (Math.Cos(angle) * y)) / scale;
        Assert.Multiple(() =>
        {
            Assert.That(x + u[0, 0, 24, 36].item<float>(), Is.EqualTo(expectedX).Within(2e-3));
            Assert.That(y + u[0, 1, 24, 36].item<float>(), Is.EqualTo(expectedY).Within(2e-3));
            Assert.That(FieldDiagnostics.Measure(u, ScalingAndSquaring.Exp(-v, 10))[0].MinimumDeterminant, Is.GreaterThan(0));
        });
    }

    [Test]
    public void Run_FromSeveralStarts_FindsWhatOneStartMisses()
    {
        using var scope = torch.NewDisposeScope();
        var template = CanonicaliserTests.Blob(40, 40, 0, 0);
        var grid = SamplingGrid.Of(template);
        var turned = Warp.Apply(template, ScalingAndSquaring.Exp(LatticeUpsampling.Resample(RigidStarts.Velocity(grid, 60, 1), grid), 7));
        var canonicaliser = new Canonicaliser(new TemplateEnergy(template), Options);
        using var one = canonicaliser.Run(turned);
        using var several = canonicaliser.Run(turned, Starts(grid), refined: 2);
        TestContext.Out.WriteLine($"{one.Images[0].Energy.After} and {several.Images[0].Energy.After} of {one.Images[0].InputEnergy}");
        Assert.Multiple(() =>
        {
            Assert.That(several.Images[0].Start, Is.EqualTo(3), "turned back by the same angle");
            Assert.That(several.Images[0].Energy.After, Is.LessThan(0.5 * one.Images[0].Energy.After));
            Assert.That(several.Images[0].InputEnergy, Is.EqualTo(one.Images[0].InputEnergy).Within(1e-6),
                "measured against the image as it is");
            Assert.That(several.Images[0].Terms[1].Before, Is.Zero, "the regulariser acts on the deviation from the start");
        });
    }

    [Test]
    public void Run_FromSeveralStarts_ScoresAllAndRefinesTheBestTogether()
    {
        using var scope = torch.NewDisposeScope();
        var (template, deformed, _) = CanonicaliserTests.Deformed(24, 24, 2);
        var energy = new TemplateEnergy(template);
        var images = torch.cat([deformed, deformed.flip(3)], 0);
        var progress = new List<CanonicalisationProgress>();
        using var result = new Canonicaliser(energy, Options with { Steps = 1 }).Run(
            images, Starts(SamplingGrid.Of(template)), 2, new Listener(progress.Add));
        Assert.Multiple(() =>
        {
            Assert.That(energy.Batches, Is.EqualTo(new[] { 10, 4, 4, 4 }),
                "five starts of two images; the four rows as they are; two iterates");
            Assert.That(result.Canonical.shape, Is.EqualTo(new long[] { 2, 1, 24, 24 }));
            Assert.That(result.Images, Has.Count.EqualTo(2));
            Assert.That(progress[0].Images, Is.EqualTo(2));
        });
    }

    [Test]
    public void Run_WithSettingsForEachStart_RefinesThoseOfEqualSettingsTogether()
    {
        using var scope = torch.NewDisposeScope();
        var (template, deformed, _) = CanonicaliserTests.Deformed(24, 24, 2);
        var energy = new TemplateEnergy(template);
        var images = torch.cat([deformed, deformed.flip(3), template], 0);
        var grid = SamplingGrid.Of(template);
        var (often, once) = (Options with { Steps = 3, Patience = 0 }, Options with { Steps = 1, Patience = 0, Smoothness = 5 });
        SearchStart[] starts = [new(RigidStarts.Velocity(grid, 0, 1), often), new(RigidStarts.Velocity(grid, 5, 1), once with { }),
            new(RigidStarts.Velocity(grid, -5, 1), once)];
        var progress = new List<CanonicalisationProgress>();
        using var result = new Canonicaliser(energy, Options).Run(images, starts, 3, new Listener(progress.Add), default);
        Assert.Multiple(() =>
        {
            Assert.That(energy.Batches, Is.EqualTo(new[] { 9, 3, 3, 3, 3, 3, 6, 6, 6 }),
                "nine scores; inputs and four iterates of three rows; inputs and two of six");
            Assert.That(result.Images.Select(image => image.Steps), Is.EqualTo(result.Images.Select(image => image.Start == 0 ? 3 : 1)));
            Assert.That(progress.Select(value => (value.Step, value.Steps, value.Images)),
                Is.EqualTo(new[] { 0, 1, 2, 3, 3, 4 }.Select(step => (step, 4, 3))));
            Assert.That(progress.Select(value => value.Active), Is.EqualTo(new[] { 3, 3, 3, 3, 3, 0 }),
                "an image goes on while any of its starts is to come");
            for (var i = 1; i < progress.Count; i++)
                Assert.That(progress[i].BestTotals.Zip(progress[i - 1].BestTotals, (now, before) => now <= before), Is.All.True);
            Assert.That(progress[^1].BestTotals,
                Is.EqualTo(result.Images.Select(image => image.Accepted ? image.Total.After : progress[^1].BestTotals[2])).Within(1e-9));
        });
    }

    [Test]
    public void Run_WithSettingsForEachStart_RefinesGroupsInTheOrderOfTheirFirst()
    {
        using var scope = torch.NewDisposeScope();
        var (template, deformed, _) = CanonicaliserTests.Deformed(24, 24, 2);
        var energy = new TemplateEnergy(template);
        var (one, other) = (Options with { Steps = 0 }, Options with { Steps = 0, Smoothness = 5 });
        var settings = new[] { one, other, other, other, one };
        SearchStart[] starts = [.. Starts(SamplingGrid.Of(template)).Zip(settings, (start, own) => new SearchStart(start, own))];
        using var result = new Canonicaliser(energy, Options).Run(deformed, starts, 5, null, default);
        Assert.That(energy.Batches, Is.EqualTo(new[] { 5, 2, 2, 3, 3 }), "scores; inputs and the start of two rows, and of three");
        Assert.That(energy.GradientsAsked, Has.All.False);
    }

    [Test]
    public void ScoresThatAreNoNumbers_ComeLast_AndTiesGoToTheEarlierStart()
    {
        using var scope = torch.NewDisposeScope();
        var (template, deformed, _) = CanonicaliserTests.Deformed(24, 24, 2);
        var energy = new TemplateEnergy(template)
        {
            Spoil = (number, energies, _) =>
            {
                if (number == 0)
                    energies.narrow(0, 0, 1).fill_(float.NaN);
            },
        };
        var grid = SamplingGrid.Of(template);
        var turned = RigidStarts.Velocity(grid, 5, 1);
        using var result = new Canonicaliser(energy, Options with { Steps = 0, Accept = AcceptanceRule.Always }).Run(
            deformed, [RigidStarts.Velocity(grid, 0, 1), turned, turned], 1);
        Assert.That(result.Images[0].Start, Is.EqualTo(1));
    }

    [Test]
    public void Times_AreThoseOfScoringAndOfAllRuns()
    {
        using var scope = torch.NewDisposeScope();
        var (template, deformed, _) = CanonicaliserTests.Deformed(24, 24, 2);
        var energy = new TemplateEnergy(template) { Before = _ => Thread.Sleep(10) };
        SearchStart[] starts = [.. Starts(SamplingGrid.Of(template)).Take(2)
            .Select((start, i) => new SearchStart(start, Options with { Steps = 1, Patience = 0, Smoothness = i }))];
        using var result = new Canonicaliser(energy, Options).Run(deformed, starts, 2, null, default);
        Assert.That(energy.Batches, Has.Count.EqualTo(7), "scores; and twice inputs and two iterates");
        Assert.That(result.Times.EnergyGradient, Is.GreaterThanOrEqualTo(TimeSpan.FromMilliseconds(69.5)));
        Assert.That(result.Times.Total, Is.GreaterThan(result.Times.EnergyGradient));
    }

    [TestCase(0.03, 1, 0)]
    [TestCase(30, 2, 3)]
    public void TheTimeBudget_IsThatOfAllRunsTogether(double seconds, int stepsOfFirst, int stepsOfSecond)
    {
        using var scope = torch.NewDisposeScope();
        var (template, deformed, _) = CanonicaliserTests.Deformed(24, 24, 2);
        var energy = new TemplateEnergy(template) { Before = _ => Thread.Sleep(20) };
        var options = Options with { Patience = 0, TimeBudget = TimeSpan.FromSeconds(seconds), Accept = AcceptanceRule.Always };
        var grid = SamplingGrid.Of(template);
        SearchStart[] starts =
        [
            new(RigidStarts.Velocity(grid, 0, 1), options with { Steps = 2 }),
            new(RigidStarts.Velocity(grid, 2, 1), options with { Steps = 3 }),
        ];
        using var result = new Canonicaliser(energy, Options).Run(deformed, starts, 2, null, default);
        // Scores; inputs and iterates of the one, inputs and iterates of the other.
        var least = 1 + 1 + 1 + 1 + 1;
        Assert.That(energy.Batches.Count, seconds < 1
            ? Is.InRange(least, least + stepsOfFirst)
            : Is.EqualTo(least + stepsOfFirst + stepsOfSecond));
        if (seconds < 1) Assert.That(result.Images[0].Stop, Is.EqualTo(StopReason.TimeBudget));
    }

    [Test]
    public void Run_FromOneStartOfSeveral_IsTheRunFromThatStart()
    {
        using var scope = torch.NewDisposeScope();
        var (template, deformed, v) = CanonicaliserTests.Deformed(24, 24, 2);
        var canonicaliser = new Canonicaliser(new TemplateEnergy(template), Options);
        using var list = canonicaliser.Run(deformed, [v], 3);
        using var single = canonicaliser.Run(deformed, v);
        Assert.That((list.Velocity - single.Velocity).abs().max().item<float>(), Is.Zero);
    }

    [Test]
    public void Run_FromSeveralStarts_GivesTheSameBitsAndLeavesNoTensors()
    {
        using var scope = torch.NewDisposeScope();
        var (template, deformed, _) = CanonicaliserTests.Deformed(24, 24, 2);
        var starts = Starts(SamplingGrid.Of(template));
        var canonicaliser = new Canonicaliser(new TemplateEnergy(template), Options with { Steps = 5, Patience = 2 });
        using var first = canonicaliser.Run(torch.cat([deformed, template], 0), starts, 2);
        var images = torch.cat([deformed, template], 0);
        var live = LiveTensors.Settled();
        for (var i = 0; i < 20; i++)
        {
            using var again = canonicaliser.Run(images, starts, 2);
            using (torch.NewDisposeScope())
                Assert.That((again.Velocity - first.Velocity).abs().max().item<float>(), Is.Zero);
        }

        using var source = new CancellationTokenSource();
        source.Cancel();
        Assert.That(() => canonicaliser.Run(images, starts, 2, null, source.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(torch.Tensor.TotalCount, Is.EqualTo(live));
    }

    [Test]
    public void WrongStarts_AreRefused()
    {
        using var scope = torch.NewDisposeScope();
        var canonicaliser = new Canonicaliser(new TemplateEnergy(torch.zeros(1, 1, 8, 8)), Options);
        var images = torch.zeros(3, 1, 8, 8);
        Assert.Multiple(() =>
        {
            Assert.That(() => canonicaliser.Run(images, [], 1), Throws.ArgumentException.With.Message.Contains("at least one"));
            Assert.That(() => canonicaliser.Run(images, [torch.zeros(2, 2, 4, 4)], 1),
                Throws.ArgumentException.With.Message.Contains("3 images"));
            Assert.That(() => canonicaliser.Run(images, [torch.zeros(1, 2, 4, 4)], 0), Throws.InstanceOf<ArgumentOutOfRangeException>());
            Assert.That(() => RigidStarts.Velocity(new SamplingGrid(8, 8), 0, 0), Throws.InstanceOf<ArgumentOutOfRangeException>());
        });
    }

    private static torch.Tensor[] Starts(SamplingGrid grid) => [.. Rotations.Select(rotation => RigidStarts.Velocity(grid, rotation, 1))];

    private sealed class Listener(Action<CanonicalisationProgress> report) : IProgress<CanonicalisationProgress>
    {
        public void Report(CanonicalisationProgress value) => report(value);
    }
}
