using DiffeoNN.Onnx.Fields;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Fields;

public sealed class RegulariserTests
{
    private static readonly SamplingGrid Grid = new(16, 16);

    [Test]
    public void Smoothness_AgreesWithTheDoublePrecisionReference(
        [ValueSource(typeof(FieldFixtures), nameof(FieldFixtures.Sizes))] int[] size)
    {
        using var scope = torch.NewDisposeScope();
        var v = FieldFixtures.Field(3, size[0], size[1], 6, seed: 1);
        var smoothness = Regularisers.Smoothness(v).data<float>().ToArray();
        for (var i = 0; i < 3; i++)
        {
            var expected = ReferenceFields.Smoothness(FieldFixtures.Planes(v, i));
            Assert.That(smoothness[i], Is.EqualTo(expected).Within(1e-5 * expected));
        }
    }

    [TestCase(33, 33)]
    [TestCase(65, 129)]
    public void Smoothness_OfALinearField_IsItsSlopesSquaredAtAnyResolution(int height, int width)
    {
        using var scope = torch.NewDisposeScope();
        var positions = new SamplingGrid(height, width).Positions(torch.ScalarType.Float64);
        var (x, y) = (positions.select(1, 0), positions.select(1, 1));
        var v = torch.stack([(x * 0.3) + (y * 0.2), x * -0.1], 1);
        Assert.That(Regularisers.Smoothness(v).item<double>(), Is.EqualTo(0.09 + 0.04 + 0.01).Within(1e-9));
    }

    [TestCase(0, 1, "spacingX")]
    [TestCase(1, -1, "spacingY")]
    public void Smoothness_WithoutAPositiveSpacing_IsRefused(double x, double y, string name)
    {
        using var field = torch.zeros(1, 2, 3, 3);
        Assert.That(() => Regularisers.Smoothness(field, x, y),
            Throws.TypeOf<ArgumentOutOfRangeException>().With.Property("ParamName").EqualTo(name));
    }

    [Test]
    public void Smoothness_OnACoarseLattice_IsThatOfTheFieldItStandsFor()
    {
        using var scope = torch.NewDisposeScope();
        var grid = new SamplingGrid(65, 129);
        var (spacingX, spacingY) = grid.LatticeSpacing(9, 9);
        var lattice = torch.arange(9).to_type(torch.ScalarType.Float64).view(1, 1, 1, 9).expand(1, 2, 9, 9) * 0.01;
        var expected = Regularisers.Smoothness(LatticeUpsampling.Resample(lattice, grid)).item<double>();
        Assert.That(Regularisers.Smoothness(lattice, spacingX, spacingY).item<double>(), Is.EqualTo(expected).Within(1e-9));
    }

    [Test]
    public void Orientation_AgreesWithTheDoublePrecisionReference(
        [ValueSource(typeof(FieldFixtures), nameof(FieldFixtures.Sizes))] int[] size)
    {
        using var scope = torch.NewDisposeScope();
        var u = Rough(size, seed: 2);
        var orientation = Regularisers.Orientation(u).data<float>().ToArray();
        for (var i = 0; i < 2; i++)
        {
            var expected = ReferenceFields.Determinants(FieldFixtures.Planes(u, i)).Average(determinant => Math.Max(0, -determinant));
            Assert.That(expected, Is.GreaterThan(0.001), "the field must fold for this test to say anything");
            Assert.That(orientation[i], Is.EqualTo(expected).Within(1e-5 * expected));
        }
    }

    [Test]
    public void CannotFold_HoldsOnlyForMapsWithoutFolds()
    {
        using var scope = torch.NewDisposeScope();
        var gentle = FieldFixtures.Field(1, 32, 32, 1, seed: 3);
        Assert.Multiple(() =>
        {
            Assert.That(Regularisers.CannotFold(gentle), Is.True);
            Assert.That(Regularisers.Orientation(gentle).item<float>(), Is.Zero);
            Assert.That(Regularisers.CannotFold(Rough([32, 32], seed: 2)), Is.False);
            Assert.That(Regularisers.CannotFold(gentle * float.NaN), Is.False);
        });
    }

    [Test]
    public void Gradients_AgreeWithFiniteDifferences()
    {
        using var scope = torch.NewDisposeScope();
        var field = Rough([6, 7], seed: 4).to_type(torch.ScalarType.Float64);
        Gradients.AssertAgree(field, Regularisers.Smoothness, seed: 5);
        Gradients.AssertAgree(field, Regularisers.Orientation, seed: 6);
    }

    [Test]
    public void Diagnostics_AgreeWithTheDoublePrecisionReference()
    {
        using var scope = torch.NewDisposeScope();
        var u = Rough([20, 33], seed: 7);
        var diagnostics = FieldDiagnostics.Measure(u, -u);
        for (var i = 0; i < 2; i++)
        {
            var determinants = ReferenceFields.Determinants(FieldFixtures.Planes(u, i));
            Assert.Multiple(() =>
            {
                Assert.That(diagnostics[i].MinimumDeterminant, Is.EqualTo(determinants.Min()).Within(1e-4));
                Assert.That(diagnostics[i].MaximumDeterminant, Is.EqualTo(determinants.Max()).Within(1e-4));
                Assert.That(diagnostics[i].FoldedFraction,
                    Is.EqualTo(determinants.Count(d => d <= 0) / (double)determinants.Count).Within(1e-9));
            });
        }
    }

    [Test]
    public void Diagnostics_SeeAFoldThatCentralDifferencesMiss()
    {
        // Neighbouring columns change places: central differences over two pixels still look regular.
        using var scope = torch.NewDisposeScope();
        var u = torch.zeros(1, 2, 9, 9);
        u[0, 0].narrow(1, 4, 1).fill_(1.5 * new SamplingGrid(9, 9).PixelSize);
        var diagnostics = FieldDiagnostics.Measure(u, torch.zeros_like(u))[0];
        Assert.Multiple(() =>
        {
            Assert.That(diagnostics.MinimumDeterminant, Is.EqualTo(-0.5).Within(1e-5));
            Assert.That(diagnostics.FoldedFraction, Is.EqualTo(1 / 8.0).Within(1e-9));
        });
    }

    [TestCase(0.5f, 0.5)]
    [TestCase(-2f, 2.0)]
    public void InverseResidual_IsInPixels(float rowsOff, double expected)
    {
        using var scope = torch.NewDisposeScope();
        var u = Constant(3, 0);
        var found = FieldDiagnostics.Measure(u, Constant(-3, rowsOff))[0];
        Assert.Multiple(() =>
        {
            Assert.That(FieldDiagnostics.Measure(u, -u)[0].InverseResidualMaximum, Is.LessThan(1e-5));
            Assert.That(found.InverseResidualMaximum, Is.EqualTo(expected).Within(1e-4));
            Assert.That(found.InverseResidualMean, Is.EqualTo(expected).Within(1e-4));
        });
    }

    [Test]
    public void InverseResidual_IgnoresPointsThatLeaveTheImage()
    {
        // Columns 0 to 2 look 10 pixels left, out of the image, where 3 would be right; columns 8 and 9 are half a pixel off inside it.
        using var scope = torch.NewDisposeScope();
        var (u, inverse) = (Constant(3, 0), Constant(-3, 0));
        inverse.narrow(1, 0, 1).narrow(3, 0, 3).sub_(7 * Grid.PixelSize);
        inverse.narrow(1, 1, 1).narrow(3, 8, 2).add_(0.5 * Grid.PixelSize);
        var found = FieldDiagnostics.Measure(u, inverse)[0];
        // The lowest row leaves the image where it is moved down: 2 of 16 x 13 points.
        double inside = (16 * 13) - 2;
        Assert.Multiple(() =>
        {
            Assert.That(found.InverseResidualMaximum, Is.EqualTo(0.5).Within(1e-4));
            Assert.That(found.InverseResidualMean, Is.EqualTo(0.5 * 2 * 15 / inside).Within(1e-4));
        });
    }

    [Test]
    public void InverseResidual_CountsAllPointsWhereAllLeaveTheImage()
    {
        using var scope = torch.NewDisposeScope();
        var found = FieldDiagnostics.Measure(Constant(3, 0), Constant(-20, 0))[0];
        Assert.That((found.InverseResidualMaximum, found.InverseResidualMean), Is.EqualTo((17.0, 17.0)).Within(1e-4));
    }

    [TestCase(0.49, true)]
    [TestCase(0.51, false)]
    [TestCase(0.95, false)]
    public void CannotFold_HoldsForDifferencesBelowHalfAPixel(double pixels, bool expected)
    {
        using var scope = torch.NewDisposeScope();
        foreach (var (component, dimension) in new[] { (0, 2), (0, 3), (1, 2), (1, 3) })
        {
            foreach (var sign in new[] { 1, -1 })
            {
                var u = torch.zeros(1, 2, 16, 16);
                u.narrow(1, component, 1).narrow(dimension, 9, 7).add_(sign * pixels * Grid.PixelSize);
                Assert.That(Regularisers.CannotFold(u), Is.EqualTo(expected), $"component {component}, dimension {dimension}, sign {sign}");
            }
        }
    }

    private static torch.Tensor Constant(float columns, float rows) =>
        Grid.FromPixels(torch.tensor(new[] { columns, rows }).view(1, 2, 1, 1)).expand(1, 2, 16, 16).clone();

    // Independent values at each pixel, up to 1.2 pixels: folds in many places.
    private static torch.Tensor Rough(int[] size, int seed)
    {
        var random = new Random(seed);
        var scale = 1.2 * new SamplingGrid(size[0], size[1]).PixelSize;
        var values = Enumerable.Range(0, 4 * size[0] * size[1]).Select(_ => (float)(scale * ((2 * random.NextDouble()) - 1))).ToArray();
        return torch.tensor(values, [2, 2, size[0], size[1]]);
    }
}
