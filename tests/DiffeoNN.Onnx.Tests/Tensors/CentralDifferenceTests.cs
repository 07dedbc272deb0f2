using DiffeoNN.Onnx.Tensors;

namespace DiffeoNN.Onnx.Tests.Tensors;

/// <summary>Slopes by central differences, beside derivatives written down by hand.</summary>
public sealed class CentralDifferenceTests
{
    [TestCase(0.5)]
    [TestCase(0.125)]
    public void Slope_OfAParabola_IsExact(double step) =>
        Assert.That(CentralDifference.Of(t => 3 + (2 * t) - (5 * t * t), step).Slope, Is.EqualTo(2).Within(1e-12));

    [Test]
    public void Slope_OfACubic_IsOffByTheStepSquared_AndExtrapolationTakesThatOut()
    {
        var (coarse, fine) = (CentralDifference.Of(Cubic, 0.3), CentralDifference.Of(Cubic, 0.1));

        Assert.That(coarse.Slope, Is.EqualTo(2 + (7 * 0.09)).Within(1e-12));
        Assert.That(fine.Slope, Is.EqualTo(2 + (7 * 0.01)).Within(1e-12));
        Assert.That(fine.Extrapolated(coarse).Slope, Is.EqualTo(2).Within(1e-12));
        Assert.That(fine.Extrapolated(coarse).SingleRounding, Is.EqualTo(fine.SingleRounding * 9 / 8).Within(1e-15));

        static double Cubic(double t) => 4 + (2 * t) + (t * t) + (7 * t * t * t);
    }

    [Test]
    public void Of_SeveralFunctions_GivesEachItsOwn_AskedAboveFirst()
    {
        var asked = new List<double>();
        var both = CentralDifference.Of(
            t =>
            {
                asked.Add(t);
                return (double[])[2 * t, -3 * t];
            }, 0.25);

        Assert.That(asked, Is.EqualTo(new[] { 0.25, -0.25 }));
        Assert.That(both.Select(one => one.Slope), Is.EqualTo(new[] { 2.0, -3 }));
    }

    [Test]
    public void Gap_StaysAtAKink_AndShrinksWithTheStepElsewhere()
    {
        Assert.That(CentralDifference.Of(Math.Abs, 0.1).Gap(0), Is.EqualTo(2).Within(1e-12));
        Assert.That(CentralDifference.Of(Math.Abs, 0.001).Gap(0), Is.EqualTo(2).Within(1e-12));
        Assert.That(CentralDifference.Of(t => 1 + (t * t), 0.1).Gap(1), Is.EqualTo(0.2).Within(1e-12));
        Assert.That(CentralDifference.Of(t => 1 + (t * t), 0.001).Gap(1), Is.EqualTo(0.002).Within(1e-9));
    }

    [Test]
    public void SingleRounding_BoundsWhatFloat32DoesToASlope()
    {
        // Values far from zero, which float32 holds to some 6e-5: a short step's slope is made of that.
        var single = CentralDifference.Of(t => (float)(1000 + (0.5 * t)), 1e-3);

        Assert.That(Math.Abs(single.Slope - 0.5), Is.GreaterThan(1e-3).And.LessThan(single.SingleRounding));
    }

    [Test]
    public void Beyond_CountsOnlyWhatRoundingCannotHaveDone()
    {
        Assert.That(CentralDifference.Beyond(1.5, 1, 0.2), Is.EqualTo(0.3).Within(1e-12));
        Assert.That(CentralDifference.Beyond(1, 1.5, 0.2), Is.EqualTo(0.3).Within(1e-12));
        Assert.That(CentralDifference.Beyond(1, 1.5, 0.6), Is.Zero);
    }
}
