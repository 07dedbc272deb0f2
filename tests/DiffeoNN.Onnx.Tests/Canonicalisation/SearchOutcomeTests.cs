using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tests.Fields;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Canonicalisation;

/// <summary>What a search's best iterates become: energies of repaired maps, and the identity in place of what is refused.</summary>
public sealed class SearchOutcomeTests
{
    private static readonly SearchSpec Options = new()
    {
        Smoothness = 2, Orientation = 3, Accept = AcceptanceRule.Always, Padding = WarpPadding.Border,
    };

    [Test]
    public void ARepairedMap_HasTheEnergiesOfTheSmallerVelocity()
    {
        using var scope = torch.NewDisposeScope();
        var v = FieldFixtures.Field(1, 24, 32, 5, seed: 3);
        // Only 0.64 of the velocity passes.
        var limit = (Residual(v * 0.8) + Residual(v * 0.64)) / 2;
        var options = Options with { InverseResidual = limit };
        var images = FieldFixtures.Image(2, 1, 24, 32, seed: 4);
        var template = FieldFixtures.Image(1, 1, 24, 32, seed: 5);
        ImageState[] states = [State(options, 7, smoothness: 10), State(options, 8, smoothness: 20)];
        var maps = new CertifiedMaps(torch.cat([v * 0.01, v], 0), [0, 0], new Acceptance(options));
        using var result = new SearchOutcome(new TemplateEnergy(template), options, images, states, new StageClock())
            .Of(maps, null, default);
        var (kept, repaired) = (result.Images[0], result.Images[1]);
        var energy = (Warp.Apply(images, result.Displacement, WarpPadding.Border) - template).square().mean([1, 2, 3])[1].item<float>();
        Assert.Multiple(() =>
        {
            Assert.That((kept.VelocityScale, repaired.VelocityScale), Is.EqualTo((1.0, 0.64)));
            Assert.That((kept.Squarings, repaired.Squarings), Is.EqualTo((0, 4)));
            Assert.That((kept.Energy.After, kept.Terms[1].After, kept.Total.After), Is.EqualTo((7.0, 10.0, 27.0)));
            Assert.That(repaired.Energy.After, Is.EqualTo(energy).Within(1e-6));
            Assert.That(repaired.Terms[0].After, Is.EqualTo(energy).Within(1e-6));
            Assert.That(repaired.Terms[1].After, Is.EqualTo(20 * 0.64 * 0.64).Within(1e-9), "the square of a field 0.64 times as large");
            Assert.That(repaired.Terms[2].After, Is.Zero);
            Assert.That(repaired.Total.After, Is.EqualTo(energy + (2 * 20 * 0.64 * 0.64)).Within(1e-5));
            Assert.That((repaired.Energy.Before, repaired.Terms[1].Before), Is.EqualTo((8.0, 20.0)), "the start stays");
        });
    }

    [Test]
    public void ImagesThatAreKnown_AreNotMadeAgain([Values] bool repairs)
    {
        using var scope = torch.NewDisposeScope();
        var v = FieldFixtures.Field(1, 24, 32, 5, seed: 3);
        var options = Options with { InverseResidual = repairs ? (Residual(v * 0.8) + Residual(v * 0.64)) / 2 : 100 };
        var images = FieldFixtures.Image(1, 1, 24, 32, seed: 4);
        var maps = new CertifiedMaps(v.clone(), [0], new Acceptance(options));
        using var result = new SearchOutcome(new TemplateEnergy(images), options, images, [State(options, 1, 0)], new StageClock())
            .Of(maps, torch.full(images.shape, 0.25f), default);
        var expected = repairs ? Warp.Apply(images, maps.Displacement, WarpPadding.Border) : torch.full(images.shape, 0.25f);
        Assert.That((result.Canonical - expected).abs().max().item<float>(), Is.Zero);
    }

    private static ImageState State(SearchSpec options, double energy, double smoothness)
    {
        var state = new ImageState(options with { Steps = 0 });
        state.Add(0, new IterateEnergy(energy, [energy, smoothness, 0], energy + (options.Smoothness * smoothness)), false);
        return state;
    }

    private static double Residual(torch.Tensor v) => FieldDiagnostics.Measure(
        ScalingAndSquaring.Exp(v, 4), ScalingAndSquaring.Exp(-v, 4))[0].InverseResidualMaximum;
}
