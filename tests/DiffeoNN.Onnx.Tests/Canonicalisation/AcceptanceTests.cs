using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tests.Fields;
using DiffeoNN.Onnx.Tests.Support;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Canonicalisation;

/// <summary>Do no harm: what is used, what is left as it is, and why.</summary>
public sealed class AcceptanceTests
{
    private static readonly SearchSpec Options = new()
    {
        Field = FieldKind.Lattice, Lattice = 6, LearningRate = 0.01, Steps = 20, Smoothness = 1e-4, Squarings = 5,
    };

    [Test]
    public void AnImageThatIsCanonicalAlready_IsLeftAloneWithoutAStep([Values] bool fromProposal)
    {
        using var scope = torch.NewDisposeScope();
        var (template, deformed, v) = CanonicaliserTests.Deformed(32, 32, 3);
        var nearly = template.clone().AddNoise(0.02);
        var energy = new TemplateEnergy(template);
        var start = fromProposal ? torch.cat([v, v], 0) : null;
        using var result = new Canonicaliser(energy, Options with { CanonicalBelow = 0.002 }).Run(torch.cat([nearly, deformed], 0), start);
        var (left, used) = (result.Images[0], result.Images[1]);
        Assert.Multiple(() =>
        {
            Assert.That((left.Accepted, left.Refusal?.Reason, left.Stop, left.Steps),
                Is.EqualTo((false, RefusalReason.AlreadyCanonical, StopReason.Canonical, 0)));
            Assert.That(left.Refusal!.Text, Does.Contain("0.002"));
            AssertIdentity(result, 0, nearly);
            Assert.That((used.Accepted, used.Refusal), Is.EqualTo((true, (Refusal?)null)));
            Assert.That(used.InputEnergy, Is.GreaterThan(0.002));
            Assert.That(energy.Batches[^1], Is.EqualTo(1), "the image left alone leaves the batch");
        });
    }

    [Test]
    public void ADecreaseThatIsTooSmall_IsRefusedWithBothEnergies()
    {
        using var scope = torch.NewDisposeScope();
        var (template, deformed, _) = CanonicaliserTests.Deformed(32, 32, 3);
        using var asked = new Canonicaliser(new TemplateEnergy(template), Options with { Steps = 1, MinimumDecrease = 0.9 }).Run(deformed);
        using var free = new Canonicaliser(new TemplateEnergy(template), Options with { Steps = 1 }).Run(deformed);
        using var always = new Canonicaliser(
            new TemplateEnergy(template),
            Options with { Steps = 1, MinimumDecrease = 0.9, CanonicalBelow = 1e9, Accept = AcceptanceRule.Always }).Run(deformed);
        Assert.Multiple(() =>
        {
            Assert.That(asked.Images[0].Refusal!.Reason, Is.EqualTo(RefusalReason.NotEnoughDecrease));
            Assert.That(asked.Images[0].Energy.After, Is.LessThan(asked.Images[0].Energy.Before), "the record tells what was found");
            AssertIdentity(asked, 0, deformed);
            Assert.That(free.Images[0].Accepted);
            Assert.That(always.Images[0].Accepted);
            Assert.That((always.Velocity - free.Velocity).abs().max().item<float>(), Is.Zero);
        });
    }

    [Test]
    public void AProposalThatRaisesTheEnergy_IsRefusedAgainstTheImageAsItIs()
    {
        using var scope = torch.NewDisposeScope();
        var (template, _, v) = CanonicaliserTests.Deformed(32, 32, 3);
        var energy = new TemplateEnergy(template);
        using var result = new Canonicaliser(energy, Options with { Steps = 0 }).Run(template, v);
        Assert.Multiple(() =>
        {
            Assert.That(result.Images[0].Refusal!.Reason, Is.EqualTo(RefusalReason.NotEnoughDecrease));
            Assert.That(result.Images[0].InputEnergy, Is.Zero);
            Assert.That(result.Images[0].Energy.Before, Is.GreaterThan(0));
            AssertIdentity(result, 0, template);
        });
    }

    [Test]
    public void AnEnergyThatIsNotFinite_IsRefusedUnderEitherRule([Values] AcceptanceRule rule)
    {
        using var scope = torch.NewDisposeScope();
        var (template, deformed, _) = CanonicaliserTests.Deformed(24, 24, 2);
        using var result = new Canonicaliser(new TemplateEnergy(template), Options with { Accept = rule, Steps = 3 })
            .Run(torch.cat([template * float.NaN, deformed], 0));
        Assert.Multiple(() =>
        {
            Assert.That(result.Images[0].Refusal!.Reason, Is.EqualTo(RefusalReason.NonFinite));
            Assert.That(result.Displacement[0].abs().max().item<float>(), Is.Zero);
            Assert.That(result.Images[1].Accepted);
        });
    }

    [Test]
    public void AProposalOfNoNumbers_IsRefusedAndLeavesItsNeighboursAlone([Values] AcceptanceRule rule)
    {
        using var scope = torch.NewDisposeScope();
        var (template, deformed, v) = CanonicaliserTests.Deformed(24, 24, 2);
        using var result = new Canonicaliser(new TemplateEnergy(template), Options with { Accept = rule, Steps = 3 })
            .Run(torch.cat([deformed, deformed], 0), torch.cat([v * float.NaN, v], 0));
        Assert.Multiple(() =>
        {
            Assert.That(result.Images[0].Accepted, Is.False);
            AssertIdentity(result, 0, deformed);
            Assert.That(result.Images[1].Accepted);
            Assert.That(result.Velocity.isfinite().all().item<bool>());
        });
    }

    [Test]
    public void NoFoldedMapIsReturned_HoweverWildTheProposals([Values] AcceptanceRule rule)
    {
        using var scope = torch.NewDisposeScope();
        var template = CanonicaliserTests.Blob(32, 32, 0, 0);
        // White noise of several pixels: folds that squarings and smaller steps repair in part.
        var noise = torch.cat([.. new[] { 0.5, 2.0, 6.0,
            20.0 }.Select((pixels, i) => FieldFixtures.Field(1, 32, 32, 1, seed: 7 + i).Noise(pixels / 16, 40 + i))], 0);
        var images = torch.cat([template, template, template, template], 0) * 2;
        using var result = new Canonicaliser(new TemplateEnergy(template), Options with { Accept = rule, Steps = 0 }).Run(images, noise);
        foreach (var image in result.Images)
            TestContext.Out.WriteLine(
                $"{image.Refusal?.Text ?? "used"} scale {image.VelocityScale} K {image.Squarings} {image.FoundDiagnostics}");
        var returned = FieldDiagnostics.Measure(result.Displacement, result.InverseDisplacement);
        Assert.Multiple(() =>
        {
            Assert.That(returned.Select(map => map.FoldedFraction + map.InverseFoldedFraction), Has.All.Zero);
            Assert.That(returned.Select(map => Math.Min(map.MinimumDeterminant, map.InverseMinimumDeterminant)), Has.All.GreaterThan(0));
            Assert.That(result.Images.Select(image => image.Diagnostics.FoldedFraction), Has.All.Zero);
            Assert.That(result.Images.Count(image => image.Refusal?.Reason is RefusalReason.Folded or RefusalReason.InverseResidual),
                Is.GreaterThan(0), "one at least is beyond repair");
        });
    }

    [Test]
    public void AFoldOfTheRoughExponential_IsRepairedWithTheEnergyOfTheRepairedMap()
    {
        using var scope = torch.NewDisposeScope();
        var (template, deformed, v) = CanonicaliserTests.Deformed(32, 32, 3);
        // A limit that the exponential with few squarings misses stands for a fold.
        var rough = Options with { Steps = 0, Squarings = 0, Accept = AcceptanceRule.Always };
        using var before = new Canonicaliser(new TemplateEnergy(template), rough).Run(deformed, v);
        var limit = before.Images[0].Diagnostics.InverseResidualMaximum * 0.7;
        using var after = new Canonicaliser(new TemplateEnergy(template), rough with { InverseResidual = limit }).Run(deformed, v);
        var image = after.Images[0];
        Assert.Multiple(() =>
        {
            Assert.That(image.Accepted, image.Refusal?.Text);
            Assert.That(image.Diagnostics.InverseResidualMaximum, Is.LessThanOrEqualTo(limit));
            Assert.That(image.Squarings > before.Images[0].Squarings || image.VelocityScale < 1);
            Assert.That(image.Energy.After, Is.EqualTo((after.Canonical - template).square().mean().item<float>()).Within(1e-6));
            Assert.That((after.Displacement - ScalingAndSquaring.Exp(after.Velocity, image.Squarings)).abs().max().item<float>(),
                Is.LessThan(1e-6));
        });
    }

    [Test]
    public void RefusalsAndRepairs_LeaveNoTensors()
    {
        using var scope = torch.NewDisposeScope();
        var (template, deformed, v) = CanonicaliserTests.Deformed(16, 16, 1);
        var batch = torch.cat([template, deformed, deformed], 0);
        var start = torch.cat([v, v, v.Noise(1, 3)], 0);
        var canonicaliser = new Canonicaliser(new TemplateEnergy(template), Options with { Steps = 2, CanonicalBelow = 1e-4 });
        canonicaliser.Run(batch, start).Dispose();
        var live = LiveTensors.Settled();
        for (var i = 0; i < 50; i++)
            canonicaliser.Run(batch, start).Dispose();
        Assert.That(torch.Tensor.TotalCount, Is.EqualTo(live));
    }

    private static void AssertIdentity(CanonicalisationResult result, int index, torch.Tensor image)
    {
        Assert.That((result.Canonical[index] - image[0]).abs().max().item<float>(), Is.Zero, "the image itself");
        foreach (var field in new[] { result.Velocity, result.Displacement, result.InverseDisplacement })
            Assert.That(field[index].abs().max().item<float>(), Is.Zero);
        Assert.That(result.Images[index].Diagnostics, Is.EqualTo(new FieldDiagnostics(1, 1, 0, 0, 0, 1, 0)));
    }
}

/// <summary>Noise of a fixed seed.</summary>
internal static class NoiseExtensions
{
    /// <summary>Adds noise in place.</summary>
    public static torch.Tensor AddNoise(this torch.Tensor tensor, double size) => tensor.add_(tensor.Noise(size, 1));

    /// <summary>Normal noise of the shape of a tensor.</summary>
    public static torch.Tensor Noise(this torch.Tensor like, double size, int seed)
    {
        var random = new Random(seed);
        float[] values = [.. Enumerable.Range(0, (int)like.numel()).Select(_ =>
            (float)(size * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble())))];
        return torch.tensor(values, like.shape);
    }
}
