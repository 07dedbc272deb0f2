using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Tests.Canonicalisation;

/// <summary>The rules of acceptance at their borders.</summary>
public sealed class AcceptanceJudgeTests
{
    private static readonly FieldDiagnostics Sound = new(0.2, 3, 0, 0.5, 0.1, 0.3, 0);

    private static readonly SearchSpec Options = new() { InverseResidual = 0.75, MinimumDecrease = 0.25 };

    [TestCase(0.0, 0.3, true)]
    [TestCase(0.2, 0.0, true)]
    [TestCase(-0.1, 0.3, true)]
    [TestCase(0.2, -0.1, true)]
    [TestCase(double.NaN, 0.3, true)]
    [TestCase(0.2, double.NaN, true)]
    [TestCase(1e-9, 1e-9, false)]
    public void ADeterminantThatIsNotPositive_IsAFold(double least, double leastOfInverse, bool folds)
    {
        var map = Sound with { MinimumDeterminant = least, InverseMinimumDeterminant = leastOfInverse };
        var acceptance = new Acceptance(Options);
        Assert.Multiple(() =>
        {
            Assert.That(acceptance.IsCertified(map), Is.EqualTo(!folds));
            Assert.That(acceptance.Judge(10, 1, map)?.Reason, Is.EqualTo(folds ? RefusalReason.Folded : (RefusalReason?)null));
        });
    }

    [Test]
    public void AFold_IsToldWithBothDeterminants() => Assert.That(
        new Acceptance(Options).Judge(10, 1, Sound with { MinimumDeterminant = -0.25, InverseMinimumDeterminant = 0.125 })!.Text,
        Is.EqualTo("The smallest Jacobian determinant is -0.25, of the inverse 0.125; both must be positive."));

    [TestCase(0.75, true)]
    [TestCase(0.7500001, false)]
    [TestCase(double.NaN, false)]
    public void TheInverseResidual_MayReachItsLimit(double residual, bool passes)
    {
        var map = Sound with { InverseResidualMaximum = residual };
        Assert.That(new Acceptance(Options).IsCertified(map), Is.EqualTo(passes));
        Assert.That(new Acceptance(Options).Judge(10, 1, map)?.Reason,
            Is.EqualTo(passes ? null : (RefusalReason?)RefusalReason.InverseResidual));
    }

    [Test]
    public void AnInverseThatIsOff_IsToldWithTheLimit() => Assert.That(
        new Acceptance(Options).Judge(10, 1, Sound with { InverseResidualMaximum = 1.5 })!.Text,
        Is.EqualTo("The inverse is off by up to 1.5 pixels; the limit is 0.75."));

    [TestCase(8, 6, true)]
    [TestCase(8, 6.01, false)]
    [TestCase(-8, -10, true)]
    [TestCase(-8, -9.99, false)]
    [TestCase(8, 9, false)]
    public void TheDecrease_IsMeasuredAgainstTheSizeOfTheImagesOwnEnergy(double input, double found, bool used)
    {
        var refusal = new Acceptance(Options).Judge(input, found, Sound);
        Assert.That(refusal?.Reason, Is.EqualTo(used ? null : (RefusalReason?)RefusalReason.NotEnoughDecrease));
        Assert.That(new Acceptance(Options with { Accept = AcceptanceRule.Always }).Judge(input, found, Sound), Is.Null);
    }

    [TestCase(0.25, "The energy went from 8 to 7; it must fall by at least 2.")]
    [TestCase(0.0, "The energy went from 8 to 8; it must fall.")]
    public void ADecreaseThatIsTooSmall_IsToldWithWhatIsAsked(double asked, string text) => Assert.That(
        new Acceptance(Options with { MinimumDecrease = asked }).Judge(8, asked > 0 ? 7 : 8, Sound)!.Text, Is.EqualTo(text));

    [TestCase(3.0, true)]
    [TestCase(2.5, true)]
    [TestCase(3.0001, false)]
    public void UpToItsLimit_AnImageIsCanonical(double energy, bool canonical)
    {
        var options = Options with { CanonicalBelow = 3 };
        Assert.Multiple(() =>
        {
            Assert.That(new Acceptance(options).IsCanonical(energy), Is.EqualTo(canonical));
            Assert.That(new Acceptance(Options).IsCanonical(energy), Is.False, "without a limit");
            Assert.That(new Acceptance(options with { Accept = AcceptanceRule.Always }).IsCanonical(energy), Is.False);
            Assert.That(new Acceptance(options).Judge(energy, -10, Sound)?.Reason,
                Is.EqualTo(canonical ? RefusalReason.AlreadyCanonical : (RefusalReason?)null));
        });
    }

    [Test]
    public void AnImageThatIsCanonical_IsToldWithTheLimit() => Assert.That(
        new Acceptance(Options with { CanonicalBelow = 3 }).Judge(2.5, 1, Sound)!.Text,
        Is.EqualTo("The image has energy 2.5; up to 3 it counts as canonical already."));

    [TestCase(double.NaN, 1)]
    [TestCase(1, double.NaN)]
    [TestCase(double.PositiveInfinity, 1)]
    [TestCase(1, double.NegativeInfinity)]
    public void EnergiesThatAreNotFinite_AreRefusedUnderEitherRule(double input, double found)
    {
        foreach (var rule in Enum.GetValues<AcceptanceRule>())
        {
            var refusal = new Acceptance(Options with { Accept = rule }).Judge(input, found, Sound);
            Assert.That(refusal?.Reason, Is.EqualTo(RefusalReason.NonFinite));
            Assert.That(refusal!.Text, Does.EndWith("at best; it must be finite."));
        }
    }
}
