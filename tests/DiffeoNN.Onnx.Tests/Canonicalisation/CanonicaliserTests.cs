using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tests.Fields;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Canonicalisation;

public sealed class CanonicaliserTests
{
    private static readonly SearchSpec Quick = new()
    {
        Field = FieldKind.Lattice, Lattice = 6, LearningRate = 0.01, Steps = 60, Smoothness = 1e-4, Squarings = 5,
    };

    private static readonly SearchSpec SineNetwork = Quick with
    {
        Field = FieldKind.Siren, Lattice = 12, LearningRate = 0.0038926, Steps = 80,
    };

    private static readonly object[] Kinds =
    [
        Quick, Quick with { Basis = LatticeBasis.Linear }, SineNetwork, Quick with { Lattice = 0, Smoothness = 0.01 },
    ];

    [TestCaseSource(nameof(Kinds))]
    public void Run_RecoversAKnownDeformation(SearchSpec options)
    {
        using var scope = torch.NewDisposeScope();
        var (template, deformed, v) = Deformed(48, 40, 3);
        using var result = new Canonicaliser(new TemplateEnergy(template), options).Run(deformed);
        var total = result.Images[0].Total;
        var inner = SamplingGrid.Of(v).ToPixels(result.Displacement - ScalingAndSquaring.Exp(v, 7)).narrow(2, 10, 28).narrow(3, 10, 20);
        TestContext.Out.WriteLine($"{options.Field} {options.Lattice}: {total.Before} -> {total.After}, {result.Images[0].Steps} steps, "
            + $"{result.Images[0].Diagnostics}");
        Assert.Multiple(() =>
        {
            Assert.That(total.After, Is.LessThan(0.1 * total.Before));
            Assert.That((result.Canonical - template).square().mean().item<float>(), Is.LessThan(0.1 * total.Before));
            // Only the component along the image's gradient is seen by the energy, so the map is recovered on average.
            Assert.That(inner.abs().mean().item<float>(), Is.LessThan(1f));
            Assert.That(result.Images[0].Diagnostics.FoldedFraction, Is.Zero);
            Assert.That(result.Images[0].Diagnostics.InverseResidualMaximum, Is.LessThan(0.3));
        });
    }

    [Test]
    public void Run_RecoversAShift()
    {
        using var scope = torch.NewDisposeScope();
        var template = Blob(40, 40, 0, 0);
        var shifted = Blob(40, 40, 3, -2);
        using var result = new Canonicaliser(new TemplateEnergy(template), Quick).Run(shifted);
        var pixels = SamplingGrid.Of(shifted).ToPixels(result.Displacement);
        // The blob lies 3 columns right of and 2 rows above the centre, so the canonical centre must look there.
        Assert.That(pixels[0, 0, 20, 20].item<float>(), Is.EqualTo(3).Within(0.3));
        Assert.That(pixels[0, 1, 20, 20].item<float>(), Is.EqualTo(-2).Within(0.3));
    }

    [Test]
    public void Result_IsWhatItsVelocitySays()
    {
        using var scope = torch.NewDisposeScope();
        var (template, deformed, _) = Deformed(32, 48, 2);
        using var result =
            new Canonicaliser(new TemplateEnergy(template), SineNetwork with { Steps = 20, Padding = WarpPadding.Border }).Run(deformed);
        var image = result.Images[0];
        Assert.Multiple(() =>
        {
            Assert.That(Difference(result.Displacement, ScalingAndSquaring.Exp(result.Velocity, image.Squarings)), Is.Zero);
            Assert.That(Difference(result.InverseDisplacement, ScalingAndSquaring.Exp(-result.Velocity, image.Squarings)), Is.Zero);
            Assert.That(Difference(result.Canonical, Warp.Apply(deformed, result.Displacement, WarpPadding.Border)), Is.Zero);
            Assert.That(image.Energy.After, Is.EqualTo((result.Canonical - template).square().mean().item<float>()).Within(1e-6));
            Assert.That(image.Terms.Select(term => term.Name), Is.EqualTo(new[] { "distance", "smoothness", "orientation" }));
            Assert.That(image.Total.After,
                Is.EqualTo(image.Energy.After + (1e-4 * image.Terms[1].After) + image.Terms[2].After).Within(1e-9));
            Assert.That(image.Terms[1].Before, Is.Zero);
            Assert.That(result.Times.Total, Is.GreaterThan(result.Times.Exponential));
        });
    }

    [Test]
    public void Run_WithTheSameSeed_GivesTheSameBits()
    {
        using var scope = torch.NewDisposeScope();
        var (template, deformed, _) = Deformed(32, 32, 3);
        torch.Tensor Canonical(ulong seed)
        {
            using var result = new Canonicaliser(new TemplateEnergy(template), SineNetwork with { Steps = 15, Seed = seed }).Run(deformed);
            return result.Velocity.clone();
        }

        var first = Canonical(5);
        Assert.Multiple(() =>
        {
            Assert.That(Difference(first, Canonical(5)), Is.Zero);
            Assert.That(Difference(first, Canonical(6)), Is.GreaterThan(0));
        });
    }

    [Test]
    public void Run_OfABatch_AgreesWithEachImageAlone([Values] FieldKind kind)
    {
        using var scope = torch.NewDisposeScope();
        var options = (kind == FieldKind.Siren ? SineNetwork : Quick) with { Steps = 12, Patience = 0 };
        var (template, first, _) = Deformed(32, 32, 3);
        var batch = torch.cat([first, first.flip(3), template, first.flip(2)], 0);
        using var together = new Canonicaliser(new TemplateEnergy(template), options).Run(batch);
        for (var i = 0; i < 4; i++)
        {
            using var alone = new Canonicaliser(new TemplateEnergy(template), options).Run(batch.narrow(0, i, 1));
            var pixels = SamplingGrid.Of(batch).ToPixels(together.Displacement.narrow(0, i, 1) - alone.Displacement);
            Assert.That(pixels.abs().max().item<float>(), kind == FieldKind.Lattice ? Is.Zero : Is.LessThan(0.02), $"image {i}");
        }
    }

    [Test]
    public void Run_WithoutSteps_ReturnsTheStartExactly()
    {
        using var scope = torch.NewDisposeScope();
        var (template, deformed, v) = Deformed(32, 32, 3);
        var energy = new TemplateEnergy(template);
        var canonicaliser = new Canonicaliser(energy, SineNetwork with { Steps = 0 });
        using var identity = canonicaliser.Run(deformed);
        using var proposed = canonicaliser.Run(deformed, v);
        Assert.Multiple(() =>
        {
            Assert.That(identity.Displacement.abs().max().item<float>(), Is.Zero);
            Assert.That(Difference(identity.Canonical, deformed), Is.LessThan(1e-5));
            Assert.That(identity.Images[0].Stop, Is.EqualTo(StopReason.StepBudget));
            Assert.That(Difference(proposed.Velocity, v), Is.Zero);
            Assert.That(proposed.Images[0].Energy.Before, Is.LessThan(0.2 * identity.Images[0].Energy.Before));
            Assert.That(energy.GradientsAsked, Has.All.False);
        });
    }

    [Test]
    public void Run_FromAProposal_RegularisesTheDeviationFromItOnly()
    {
        using var scope = torch.NewDisposeScope();
        var (template, deformed, v) = Deformed(32, 48, 3);
        var start = torch.nn.functional.interpolate(v, [9, 13], mode: torch.InterpolationMode.Bilinear, align_corners: true);
        using var result = new Canonicaliser(new TemplateEnergy(template), Quick with { Smoothness = 1e6, Steps = 5 }).Run(
            deformed, start);
        var image = result.Images[0];
        Assert.Multiple(() =>
        {
            Assert.That(image.Terms[1].Before, Is.Zero, "the proposal itself is free");
            Assert.That(image.Total.After, Is.LessThanOrEqualTo(image.Total.Before));
            Assert.That(Difference(result.Velocity, LatticeUpsampling.Resample(start, SamplingGrid.Of(v))), Is.LessThan(0.05));
        });
    }

    [Test]
    public void Run_NeverReturnsAnythingWorseThanTheStart()
    {
        // A step size far too large throws the field about.
        using var scope = torch.NewDisposeScope();
        var (template, deformed, _) = Deformed(32, 32, 2);
        using var result = new Canonicaliser(new TemplateEnergy(template), Quick with { LearningRate = 3, Steps = 10, Patience = 0 })
            .Run(torch.cat([deformed, template], 0));
        Assert.Multiple(() =>
        {
            Assert.That(result.Images.Select(image => image.Total.After - image.Total.Before), Has.All.LessThanOrEqualTo(0));
            Assert.That(result.Images[1].BestStep, Is.Zero, "the template itself cannot be bettered");
            Assert.That(result.Displacement[1].abs().max().item<float>(), Is.Zero);
        });
    }

    [Test]
    public void Run_CountsTheIterateAfterTheLastUpdate()
    {
        using var scope = torch.NewDisposeScope();
        var (template, deformed, _) = Deformed(32, 32, 3);
        var energy = new TemplateEnergy(template);
        using var result = new Canonicaliser(energy, Quick with { Steps = 3 }).Run(deformed);
        Assert.Multiple(() =>
        {
            Assert.That(result.Images[0].BestStep, Is.EqualTo(3));
            Assert.That(energy.GradientsAsked, Is.EqualTo(new[] { true, true, true, false }));
        });
    }

    private static double Difference(torch.Tensor a, torch.Tensor b) => (a - b).abs().max().item<float>();

    /// <summary>A template, the template deformed, and the velocity whose exponential leads back.</summary>
    internal static (torch.Tensor Template, torch.Tensor Deformed, torch.Tensor V) Deformed(int height, int width, double pixels)
    {
        var template = Blob(height, width, 0, 0);
        var v = FieldFixtures.Field(1, height, width, pixels, seed: 11);
        return (template, Warp.Apply(template, ScalingAndSquaring.Exp(-v, 7)), v);
    }

    /// <summary>A ring with a bar, zero at the border, off the centre by whole pixels.</summary>
    internal static torch.Tensor Blob(int height, int width, int right, int down)
    {
        var values = new float[height * width];
        for (var row = 0; row < height; row++)
        {
            for (var column = 0; column < width; column++)
            {
                var (x, y) = (column - (width / 2.0) - right, row - (height / 2.0) - down);
                var radius = Math.Sqrt((x * x) + (y * y));
                values[(row * width) + column] =
                    (float)(Math.Exp(-Math.Pow((radius - 9) / 3, 2)) + (0.8 * Math.Exp(-(x * x / 9) - (y * y / 60))));
            }
        }

        return torch.tensor(values, [1, 1, height, width]);
    }
}
