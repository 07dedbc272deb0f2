using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tests.Canonicalisation;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Search;

/// <summary>What values a search takes, and what is said of those it does not.</summary>
public sealed class SearchSpecRangeTests
{
    private static IEnumerable<TestCaseData> Wrong()
    {
        static TestCaseData Case(string name, string value, string expected, Func<SearchSpec, SearchSpec> change) =>
            new TestCaseData(name, value, expected, change).SetArgDisplayNames(name, value);
        yield return Case("lattice", "1", "a whole number from 2 to 65536, or 0 (one node a pixel)", o => o with { Lattice = 1 });
        yield return Case("lattice", "-2", "a whole number from 2 to 65536, or 0 (one node a pixel)", o => o with { Lattice = -2 });
        yield return Case("steps", "-1", "a whole number of at least 0", o => o with { Steps = -1 });
        yield return Case("learningRate", "0", "a number above 0", o => o with { LearningRate = 0 });
        yield return Case("learningRate", "∞", "a number above 0", o => o with { LearningRate = double.PositiveInfinity });
        yield return Case("smoothness", "-0.1", "a number of at least 0", o => o with { Smoothness = -0.1 });
        yield return Case("smoothness", "∞", "a number of at least 0", o => o with { Smoothness = double.PositiveInfinity });
        yield return Case("orientation", "-0.1", "a number of at least 0", o => o with { Orientation = -0.1 });
        yield return Case("orientation", "NaN", "a number of at least 0", o => o with { Orientation = double.NaN });
        yield return Case("orientation", "∞", "a number of at least 0", o => o with { Orientation = double.PositiveInfinity });
        yield return Case("squarings", "-1", "a whole number from 0 to 20", o => o with { Squarings = -1 });
        yield return Case("squarings", "21", "a whole number from 0 to 20", o => o with { Squarings = 21 });
        yield return Case("tolerance", "-1E-09", "a number of at least 0", o => o with { Tolerance = -1e-9 });
        yield return Case("patience", "-1", "a whole number of at least 0", o => o with { Patience = -1 });
        yield return Case("timeBudget", "-1", "a number of seconds of at least 0", o => o with { TimeBudget = TimeSpan.FromSeconds(-1) });
        yield return Case("canonicalBelow", "NaN", "a finite number", o => o with { CanonicalBelow = double.NaN });
        yield return Case("minimumDecrease", "-0.5", "a number of at least 0", o => o with { MinimumDecrease = -0.5 });
        yield return Case("minimumDecrease", "∞", "a number of at least 0", o => o with { MinimumDecrease = double.PositiveInfinity });
        yield return Case("inverseResidual", "0", "a number above 0", o => o with { InverseResidual = 0 });
        yield return Case("inverseResidual", "NaN", "a number above 0", o => o with { InverseResidual = double.NaN });
        yield return Case("accept", "7", "one of checked, always", o => o with { Accept = (AcceptanceRule)7 });
        yield return Case("field", "7", "one of siren, lattice", o => o with { Field = (FieldKind)7 });
        yield return Case("basis", "7", "one of linear, cubicBSpline", o => o with { Basis = (LatticeBasis)7 });
        yield return Case("padding", "7", "one of zeros, border, reflection", o => o with { Padding = (WarpPadding)7 });
    }

    [TestCaseSource(nameof(Wrong))]
    public void WhatMakesNoSense_IsRefusedByName(
        string name, string value, string expected, Func<SearchSpec, SearchSpec> change)
    {
        using var scope = torch.NewDisposeScope();
        var infinity = double.PositiveInfinity.ToString(System.Globalization.CultureInfo.InvariantCulture);
        var text = value.Replace("∞", infinity, StringComparison.Ordinal);
        Assert.That(() => new Canonicaliser(new TemplateEnergy(torch.zeros(1)), change(new SearchSpec())),
            Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.StartsWith(
                $"Search setting {name} is {text}; expected {expected}."));
    }

    [Test]
    public void WhatIsAtItsLimit_IsTaken()
    {
        var least = new SearchSpec
        {
            Lattice = 0, Steps = 0, LearningRate = 1e-12, Smoothness = 0, Orientation = 0, Squarings = 0, Tolerance = 0,
            Patience = 0, TimeBudget = TimeSpan.Zero, MinimumDecrease = 0, InverseResidual = 1e-12,
        };
        Assert.That(() => least.Validate(), Throws.Nothing);
        var other = least with { Lattice = 2, Squarings = 20, TimeBudget = null, CanonicalBelow = -5 };
        Assert.That(() => other.Validate(), Throws.Nothing);
    }

    [Test]
    public void Defaults_AreThoseDocumented() => Assert.That(new SearchSpec().Complete(), Is.EqualTo(new SearchSpec
    {
        Field = FieldKind.Siren, Lattice = 16, Basis = LatticeBasis.CubicBSpline, Steps = 100, LearningRate = 0.0038926,
        Smoothness = 1, Orientation = 1, Squarings = 7, Tolerance = 1e-4, Patience = 20, TimeBudget = null, Seed = 1,
        Accept = AcceptanceRule.Checked, CanonicalBelow = null, MinimumDecrease = 0, InverseResidual = 1, Padding = WarpPadding.Zeros,
    }.Complete()));

    [TestCase(0, 20, 36, 20, 36)]
    [TestCase(36, 20, 36, 20, 36)]
    [TestCase(40, 20, 36, 20, 36)]
    [TestCase(35, 20, 36, 19, 35)]
    [TestCase(16, 128, 128, 16, 16)]
    [TestCase(16, 64, 128, 8, 16)]
    [TestCase(8, 36, 20, 8, 5)]
    [TestCase(2, 100, 10, 2, 2)]
    public void LatticeSize_KeepsCellsAboutSquare(int lattice, int height, int width, int rows, int columns) => Assert.That(
        CanonicalisationRun.LatticeSize(new SearchSpec { Lattice = lattice }, new SamplingGrid(height, width)),
        Is.EqualTo((rows, columns)));

    [TestCase(3.0, 0, 3)]
    [TestCase(3.0, 5, 5)]
    [TestCase(999_999.0, 0, 21)]
    [TestCase(1e6, 2, 2)]
    [TestCase(double.NaN, 4, 4)]
    [TestCase(double.PositiveInfinity, 4, 4)]
    public void SquaringsOf_AFieldThatDiverged_AreTheLeast(double speed, int minimum, int expected)
    {
        Assert.That(CanonicalisationRun.SquaringsOf(speed, new SearchSpec { Squarings = minimum }), Is.EqualTo(expected));
        Assert.That(CanonicalisationRun.HasNotDiverged(speed), Is.EqualTo(speed < 1_000_000));
    }
}
