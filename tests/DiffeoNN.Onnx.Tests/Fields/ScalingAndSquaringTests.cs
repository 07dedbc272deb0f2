using DiffeoNN.Onnx.Fields;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Fields;

public sealed class ScalingAndSquaringTests
{
    [Test]
    public void Exp_AgreesWithTheDoublePrecisionReference(
        [Values(0, 1, 4, 7)] int squarings, [ValueSource(typeof(FieldFixtures), nameof(FieldFixtures.Sizes))] int[] size)
    {
        using var scope = torch.NewDisposeScope();
        var v = FieldFixtures.Field(2, size[0], size[1], 6, seed: 1);
        var u = ScalingAndSquaring.Exp(v, squarings);
        for (var i = 0; i < 2; i++)
        {
            var expected = ReferenceFields.Exp(FieldFixtures.Planes(v, i), squarings);
            Assert.That(FieldFixtures.RelativeError(FieldFixtures.Planes(u, i), expected), Is.LessThan(1e-5), $"field {i}");
        }
    }

    [Test]
    public void Exp_OfZeroField_IsIdentity()
    {
        using var scope = torch.NewDisposeScope();
        var u = ScalingAndSquaring.Exp(torch.zeros(2, 2, 16, 24), 7);
        Assert.That(u.abs().max().item<float>(), Is.Zero);
    }

    [Test]
    public void Exp_OfConstantField_IsThatShift()
    {
        using var scope = torch.NewDisposeScope();
        var v = torch.tensor(new[] { 0.3f, -0.1f }).view(1, 2, 1, 1).expand(1, 2, 20, 30).contiguous();
        Assert.That((ScalingAndSquaring.Exp(v, 6) - v).abs().max().item<float>(), Is.LessThan(1e-6f));
    }

    [Test]
    public void Exp_OfRotationField_RotatesByItsAngle()
    {
        // v = w (-y, x) generates the rotation by w; inside the circle that stays in the image.
        using var scope = torch.NewDisposeScope();
        const double angle = 0.5;
        var positions = new SamplingGrid(65, 65).Positions();
        var (x, y) = (positions.select(1, 0), positions.select(1, 1));
        var v = torch.stack([-y * angle, x * angle], 1);
        var u = ScalingAndSquaring.Exp(v, 10);
        var expected = torch.stack(
            [(x * Math.Cos(angle)) - (y * Math.Sin(angle)) - x, (x * Math.Sin(angle)) + (y * Math.Cos(angle)) - y], 1);
        var inside = (positions.square().sum(1, keepdim: true) < 0.8).to_type(torch.ScalarType.Float32);
        Assert.That(((u - expected) * inside).abs().max().item<float>(), Is.LessThan(2e-4f));
    }

    [Test]
    public void Exp_OfVThenOfMinusV_IsNearIdentity([ValueSource(typeof(FieldFixtures), nameof(FieldFixtures.Sizes))] int[] size)
    {
        using var scope = torch.NewDisposeScope();
        var v = FieldFixtures.Field(3, size[0], size[1], 4, seed: 2);
        var diagnostics = FieldDiagnostics.Measure(ScalingAndSquaring.Exp(v, 7), ScalingAndSquaring.Exp(-v, 7));
        Assert.That(diagnostics, Has.All.Matches<FieldDiagnostics>(d => d.InverseResidualMaximum < 0.1 && d.InverseResidualMean < 0.02));
    }

    [Test]
    public void Exp_OfVThenOfMinusV_AgreesWithTheDoublePrecisionReference(
        [ValueSource(typeof(FieldFixtures), nameof(FieldFixtures.Sizes))] int[] size)
    {
        using var scope = torch.NewDisposeScope();
        var v = FieldFixtures.Field(1, size[0], size[1], 6, seed: 2);
        var (u, inverse) = (ScalingAndSquaring.Exp(v, 7), ScalingAndSquaring.Exp(-v, 7));
        var positions = SamplingGrid.Of(v).Positions();
        var composed = positions + inverse + Warp.Apply(u, inverse, WarpPadding.Border);

        var (forward, back) = (ReferenceFields.Exp(FieldFixtures.Planes(v, 0), 7), ReferenceFields.Exp(FieldFixtures.Planes(-v, 0), 7));
        var moved = ReferenceFields.Warp(forward, back, WarpPadding.Border, WarpInterpolation.Bilinear);
        var p = FieldFixtures.Planes(SamplingGrid.Of(v).Positions(torch.ScalarType.Float64), 0);
        double[][,] expected =
        [
            .. Enumerable.Range(0, 2).Select(c => ReferenceFields.Fill(
                size[0], size[1], (row, column) => p[c][row, column] + back[c][row, column] + moved[c][row, column])),
        ];
        Assert.That(FieldFixtures.RelativeError(FieldFixtures.Planes(composed, 0), expected), Is.LessThan(1e-5));
    }

    [Test]
    public void Exp_OfFlippedField_IsFlipped([ValueSource(typeof(FieldFixtures), nameof(FieldFixtures.Sizes))] int[] size)
    {
        using var scope = torch.NewDisposeScope();
        var v = FieldFixtures.Field(1, size[0], size[1], 6, seed: 3);
        var signs = torch.tensor(new[] { 1f, -1f }).view(1, 2, 1, 1);
        var difference = ScalingAndSquaring.Exp(v.flip(2) * signs, 6) - (ScalingAndSquaring.Exp(v, 6).flip(2) * signs);
        Assert.That(difference.abs().max().item<float>(), Is.LessThan(1e-5f));
    }

    [Test]
    public void Exp_WithOwnSquarings_IsThatOfEachFieldAlone()
    {
        using var scope = torch.NewDisposeScope();
        var v = FieldFixtures.Field(3, 24, 24, 6, seed: 4);
        int[] squarings = [3, 6, 0];
        var together = ScalingAndSquaring.Exp(v, squarings);
        for (var i = 0; i < 3; i++)
        {
            var alone = ScalingAndSquaring.Exp(v.narrow(0, i, 1), squarings[i]);
            Assert.That((together.narrow(0, i, 1) - alone).abs().max().item<float>(), Is.LessThan(1e-7f), $"field {i}");
        }
    }

    [Test]
    public void Exp_Gradient_AgreesWithFiniteDifferences()
    {
        using var scope = torch.NewDisposeScope();
        var v = FieldFixtures.Field(2, 6, 8, 1.7, seed: 5).to_type(torch.ScalarType.Float64);
        Gradients.AssertAgree(v, field => ScalingAndSquaring.Exp(field, [2, 4]), seed: 6);
    }

    [TestCase(0.0, 0, 0)]
    [TestCase(0.49, 0, 0)]
    [TestCase(0.51, 0, 1)]
    [TestCase(7.9, 0, 4)]
    [TestCase(8.1, 0, 5)]
    [TestCase(8.1, 7, 7)]
    public void Squarings_KeepTheLargestStepUnderHalfAPixel(double pixels, int minimum, int expected)
    {
        using var scope = torch.NewDisposeScope();
        var grid = new SamplingGrid(20, 32);
        var v = torch.zeros(2, 2, 20, 32);
        // A velocity along the diagonal: its length counts, not its components.
        v[1, 0, 7, 3] = (float)(pixels * grid.PixelSize / Math.Sqrt(2));
        v[1, 1, 7, 3] = (float)(pixels * grid.PixelSize / Math.Sqrt(2));
        Assert.That(ScalingAndSquaring.Squarings(v, minimum), Is.EqualTo(new[] { minimum, expected }));
    }

    [Test]
    public void Squarings_OfANonFiniteField_AreRefused()
    {
        using var scope = torch.NewDisposeScope();
        var v = torch.zeros(2, 2, 4, 4);
        v[1, 0, 0, 0] = float.NaN;
        Assert.That(() => ScalingAndSquaring.Squarings(v, 0),
            Throws.ArgumentException.With.Message.StartsWith("velocity 1 has a value that is not finite."));
    }

    [Test]
    public void Exp_RefusesOtherShapesAndNegativeSquarings()
    {
        using var scope = torch.NewDisposeScope();
        var v = torch.zeros(1, 2, 4, 4);
        Assert.That(() => ScalingAndSquaring.Exp(v, -1), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => ScalingAndSquaring.Exp(v, [1, 2]),
            Throws.ArgumentException.With.Message.StartsWith("2 numbers of squarings for 1 fields"));
        Assert.That(
            () => ScalingAndSquaring.Exp(torch.zeros(1, 3, 4, 4), 1),
            Throws.ArgumentException.With.Message.StartsWith("velocity has shape (1, 3, 4, 4); a field needs (N, 2, height, width)."));
    }
}
