using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Fields;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Canonicalisation;

public sealed class CanonicaliserOptionsTests
{
    private static IEnumerable<TestCaseData> Wrong()
    {
        static TestCaseData Case(string name, string value, string expected, Func<CanonicaliserOptions, CanonicaliserOptions> change) =>
            new TestCaseData(name, value, expected, change).SetArgDisplayNames(name, value);
        yield return Case("Lattice", "1", "0 (one node a pixel) or at least 2", o => o with { Lattice = 1 });
        yield return Case("Lattice", "-2", "0 (one node a pixel) or at least 2", o => o with { Lattice = -2 });
        yield return Case("Steps", "-1", "at least 0", o => o with { Steps = -1 });
        yield return Case("LearningRate", "0", "positive", o => o with { LearningRate = 0 });
        yield return Case("LearningRate", "∞", "positive", o => o with { LearningRate = double.PositiveInfinity });
        yield return Case("SmoothnessWeight", "-0.1", "at least 0", o => o with { SmoothnessWeight = -0.1 });
        yield return Case("SmoothnessWeight", "∞", "at least 0", o => o with { SmoothnessWeight = double.PositiveInfinity });
        yield return Case("OrientationWeight", "-0.1", "at least 0", o => o with { OrientationWeight = -0.1 });
        yield return Case("OrientationWeight", "NaN", "at least 0", o => o with { OrientationWeight = double.NaN });
        yield return Case("OrientationWeight", "∞", "at least 0", o => o with { OrientationWeight = double.PositiveInfinity });
        yield return Case("MinimumSquarings", "-1", "from 0 to 30", o => o with { MinimumSquarings = -1 });
        yield return Case("MinimumSquarings", "31", "from 0 to 30", o => o with { MinimumSquarings = 31 });
        yield return Case("Tolerance", "-1E-09", "at least 0", o => o with { Tolerance = -1e-9 });
        yield return Case("Patience", "-1", "at least 0", o => o with { Patience = -1 });
        yield return Case("TimeBudget", "-00:00:01", "null or at least 0", o => o with { TimeBudget = TimeSpan.FromSeconds(-1) });
        yield return Case("CanonicalBelow", "NaN", "null or finite", o => o with { CanonicalBelow = double.NaN });
        yield return Case("MinimumDecrease", "-0.5", "at least 0", o => o with { MinimumDecrease = -0.5 });
        yield return Case("MinimumDecrease", "∞", "at least 0", o => o with { MinimumDecrease = double.PositiveInfinity });
        yield return Case("MaximumInverseResidual", "0", "positive", o => o with { MaximumInverseResidual = 0 });
        yield return Case("MaximumInverseResidual", "NaN", "positive", o => o with { MaximumInverseResidual = double.NaN });
        yield return Case("Accept", "7", "a defined rule", o => o with { Accept = (AcceptanceRule)7 });
        yield return Case("Field", "7", "a defined kind", o => o with { Field = (FieldKind)7 });
        yield return Case("Basis", "7", "a defined basis", o => o with { Basis = (LatticeBasis)7 });
        yield return Case("Padding", "7", "a defined padding", o => o with { Padding = (WarpPadding)7 });
    }

    [TestCaseSource(nameof(Wrong))]
    public void WhatMakesNoSense_IsRefusedByName(
        string name, string value, string expected, Func<CanonicaliserOptions, CanonicaliserOptions> change)
    {
        using var scope = torch.NewDisposeScope();
        var infinity = double.PositiveInfinity.ToString(System.Globalization.CultureInfo.InvariantCulture);
        var text = value.Replace("∞", infinity, StringComparison.Ordinal);
        Assert.That(() => new Canonicaliser(new TemplateEnergy(torch.zeros(1)), change(new CanonicaliserOptions())),
            Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.StartsWith(
                $"Canonicaliser option {name} is {text}; it must be {expected}."));
    }

    [Test]
    public void WhatIsAtItsLimit_IsTaken()
    {
        var least = new CanonicaliserOptions
        {
            Lattice = 0, Steps = 0, LearningRate = 1e-12, SmoothnessWeight = 0, OrientationWeight = 0, MinimumSquarings = 0, Tolerance = 0,
            Patience = 0, TimeBudget = TimeSpan.Zero, MinimumDecrease = 0, MaximumInverseResidual = 1e-12,
        };
        Assert.That(() => least.Validate(), Throws.Nothing);
        var other = least with { Lattice = 2, MinimumSquarings = 30, TimeBudget = null, CanonicalBelow = -5 };
        Assert.That(() => other.Validate(), Throws.Nothing);
    }

    [Test]
    public void Defaults_AreThoseDocumented() => Assert.That(new CanonicaliserOptions(), Is.EqualTo(new CanonicaliserOptions
    {
        Field = FieldKind.Siren, Lattice = 16, Basis = LatticeBasis.CubicBSpline, Steps = 100, LearningRate = 0.0038926,
        SmoothnessWeight = 1, OrientationWeight = 1, MinimumSquarings = 7, Tolerance = 1e-4, Patience = 20, TimeBudget = null, Seed = 1,
        Accept = AcceptanceRule.Checked, CanonicalBelow = null, MinimumDecrease = 0, MaximumInverseResidual = 1,
        Padding = WarpPadding.Zeros,
    }));

    [TestCase(0, 20, 36, 20, 36)]
    [TestCase(36, 20, 36, 20, 36)]
    [TestCase(40, 20, 36, 20, 36)]
    [TestCase(35, 20, 36, 19, 35)]
    [TestCase(16, 128, 128, 16, 16)]
    [TestCase(16, 64, 128, 8, 16)]
    [TestCase(8, 36, 20, 8, 5)]
    [TestCase(2, 100, 10, 2, 2)]
    public void LatticeSize_KeepsCellsAboutSquare(int lattice, int height, int width, int rows, int columns) => Assert.That(
        CanonicalisationRun.LatticeSize(new CanonicaliserOptions { Lattice = lattice }, new SamplingGrid(height, width)),
        Is.EqualTo((rows, columns)));

    [TestCase(3.0, 0, 3)]
    [TestCase(3.0, 5, 5)]
    [TestCase(999_999.0, 0, 21)]
    [TestCase(1e6, 2, 2)]
    [TestCase(double.NaN, 4, 4)]
    [TestCase(double.PositiveInfinity, 4, 4)]
    public void SquaringsOf_AFieldThatDiverged_AreTheLeast(double speed, int minimum, int expected)
    {
        Assert.That(CanonicalisationRun.SquaringsOf(speed, new CanonicaliserOptions { MinimumSquarings = minimum }), Is.EqualTo(expected));
        Assert.That(CanonicalisationRun.HasNotDiverged(speed), Is.EqualTo(speed < 1_000_000));
    }
}
