using DiffeoNN.Onnx.Fields;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Fields;

public sealed class SamplingGridTests
{
    [TestCase(32, 32, 1, 1)]
    [TestCase(11, 21, 1, 0.5)]
    [TestCase(21, 11, 0.5, 1)]
    public void LongestSide_SpansMinusOneToOne(int height, int width, double halfWidth, double halfHeight)
    {
        using var scope = torch.NewDisposeScope();
        var grid = new SamplingGrid(height, width);
        var positions = grid.Positions(torch.ScalarType.Float64);
        Assert.Multiple(() =>
        {
            Assert.That(grid.HalfWidth, Is.EqualTo(halfWidth));
            Assert.That(grid.HalfHeight, Is.EqualTo(halfHeight));
            Assert.That(positions[0, 0, 0, 0].item<double>(), Is.EqualTo(-halfWidth));
            Assert.That(positions[0, 0, 0, width - 1].item<double>(), Is.EqualTo(halfWidth));
            Assert.That(positions[0, 1, 0, 0].item<double>(), Is.EqualTo(-halfHeight));
            Assert.That(positions[0, 1, height - 1, 0].item<double>(), Is.EqualTo(halfHeight));
        });
    }

    [Test]
    public void Positions_AgreeWithTheScalarConversions()
    {
        using var scope = torch.NewDisposeScope();
        var grid = new SamplingGrid(7, 12);
        var positions = grid.Positions(torch.ScalarType.Float64);
        for (var row = 0; row < 7; row++)
        {
            for (var column = 0; column < 12; column++)
            {
                var (x, y) = (positions[0, 0, row, column].item<double>(), positions[0, 1, row, column].item<double>());
                Assert.That((x, y), Is.EqualTo((grid.X(column), grid.Y(row))).Using<(double X, double Y)>(
                    (a, b) => Math.Abs(a.X - b.X) + Math.Abs(a.Y - b.Y) < 1e-12));
                Assert.That((grid.Column(x), grid.Row(y)), Is.EqualTo(((double)column, (double)row)).Using<(double X, double Y)>(
                    (a, b) => Math.Abs(a.X - b.X) + Math.Abs(a.Y - b.Y) < 1e-9));
            }
        }
    }

    [Test]
    public void Pixels_AndUnits_ConvertBothWays()
    {
        using var scope = torch.NewDisposeScope();
        var grid = new SamplingGrid(128, 100);
        var unit = torch.tensor(new[] { 0.25, -1.0 });
        Assert.Multiple(() =>
        {
            Assert.That(grid.ToPixels(unit)[1].item<double>(), Is.EqualTo(-63.5).Within(1e-12));
            Assert.That((grid.FromPixels(grid.ToPixels(unit)) - unit).abs().max().item<double>(), Is.LessThan(1e-15));
        });
    }

    [Test]
    public void Of_TakesTheLastTwoDimensions()
    {
        using var scope = torch.NewDisposeScope();
        Assert.That(SamplingGrid.Of(torch.zeros(4, 7)), Is.EqualTo(new SamplingGrid(4, 7)));
        Assert.That(SamplingGrid.Of(torch.zeros(2, 3, 4, 7)), Is.EqualTo(new SamplingGrid(4, 7)));
        Assert.That(() => SamplingGrid.Of(torch.zeros(4)), Throws.ArgumentException.With.Message.StartsWith(
            "tensor has shape (4); a grid needs height and width as the last two dimensions."));
    }

    [Test]
    public void SidesOfOnePixel_AreRefused()
    {
        Assert.That(() => new SamplingGrid(1, 5), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => new SamplingGrid(5, 1), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => new SamplingGrid(5, 5).LatticeSpacing(1, 2), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => new SamplingGrid(5, 5).LatticeSpacing(2, 1), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(new SamplingGrid(5, 9).LatticeSpacing(2, 2), Is.EqualTo((2.0, 1.0)));
    }
}
