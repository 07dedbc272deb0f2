using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tests.Fields;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Canonicalisation;

/// <summary>Maps that fail their certificate are built again, more exactly first and of a smaller velocity then.</summary>
public sealed class CertifiedMapsTests
{
    private static readonly (int More, double Scale)[] Tries = [(0, 1), (2, 1), (4, 1), (4, 0.8), (4, 0.64), (4, 0.512), (4, 0.4096)];

    [Test]
    public void Repairs_AreTriedInOrderUntilTheCertificateHolds([Range(0, 6)] int wanted)
    {
        using var scope = torch.NewDisposeScope();
        var v = FieldFixtures.Field(1, 24, 32, 5, seed: 3);
        double[] residuals = [.. Tries.Select(one => Residual(v * one.Scale, one.More))];
        Assert.That(residuals, Is.Ordered.Descending, "each try is more exact than the one before");
        // What the wanted try reaches and the one before does not.
        var limit = wanted == 0 ? residuals[0] : (residuals[wanted] + residuals[wanted - 1]) / 2;
        var maps = new CertifiedMaps(v.clone(), [0], new Acceptance(new SearchSpec { InverseResidual = limit }));
        var (more, scale) = Tries[wanted];
        Assert.Multiple(() =>
        {
            Assert.That((maps.Squarings[0], maps.Scales[0]), Is.EqualTo((more, scale)));
            Assert.That(maps.Repaired, Is.EqualTo(wanted == 0 ? [] : new[] { 0 }));
            Assert.That(Difference(maps.Velocity, v * scale), Is.LessThan(1e-7));
            Assert.That(Difference(maps.Displacement, ScalingAndSquaring.Exp(v * scale, more)), Is.LessThan(1e-6));
            Assert.That(Difference(maps.Inverse, ScalingAndSquaring.Exp(-v * scale, more)), Is.LessThan(1e-6));
            Assert.That(maps.Diagnostics[0].InverseResidualMaximum, Is.EqualTo(residuals[wanted]).Within(1e-4).Percent);
        });
    }

    [Test]
    public void AMapBeyondRepair_IsKeptAsItWas()
    {
        using var scope = torch.NewDisposeScope();
        var v = FieldFixtures.Field(1, 24, 32, 5, seed: 3);
        var maps = new CertifiedMaps(v.clone(), [1], new Acceptance(new SearchSpec { InverseResidual = 1e-9 }));
        Assert.Multiple(() =>
        {
            Assert.That((maps.Squarings[0], maps.Scales[0], maps.Repaired.Count), Is.EqualTo((1, 1.0, 0)));
            Assert.That(Difference(maps.Velocity, v), Is.Zero);
            Assert.That(Difference(maps.Displacement, ScalingAndSquaring.Exp(v, 1)), Is.Zero);
        });
    }

    [Test]
    public void Repairs_TouchTheMapsThatFailOnly()
    {
        using var scope = torch.NewDisposeScope();
        var wild = FieldFixtures.Field(1, 24, 32, 5, seed: 3);
        var (calm, limit) = (wild * 0.01, (Residual(wild, 2) + Residual(wild, 0)) / 2);
        var batch = torch.cat([calm, wild, calm * 2, wild], 0);
        var acceptance = new Acceptance(new SearchSpec { InverseResidual = limit });
        var maps = new CertifiedMaps(batch.clone(), [0, 0, 1, 0], acceptance);
        Assert.Multiple(() =>
        {
            Assert.That(maps.Repaired, Is.EqualTo(new[] { 1, 3 }));
            Assert.That(maps.Squarings, Is.EqualTo(new[] { 0, 2, 1, 2 }));
            Assert.That(maps.Scales, Is.All.EqualTo(1.0));
            Assert.That(Difference(maps.Displacement, ScalingAndSquaring.Exp(batch, [0, 2, 1, 2])), Is.LessThan(1e-6));
            Assert.That(maps.Diagnostics.Select(map => map.InverseResidualMaximum), Has.All.LessThanOrEqualTo(limit));
        });
    }

    private static double Residual(torch.Tensor v, int squarings) => FieldDiagnostics.Measure(
        ScalingAndSquaring.Exp(v, squarings), ScalingAndSquaring.Exp(-v, squarings))[0].InverseResidualMaximum;

    private static double Difference(torch.Tensor a, torch.Tensor b) => (a - b).abs().max().item<float>();
}
