using DiffeoNN.Onnx.Fields;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Fields;

/// <summary>Values between pixels against loops in double precision.</summary>
public sealed class ResampleTests
{
    [TestCase(20, 33, WarpPadding.Border)]
    [TestCase(41, 33, WarpPadding.Border)]
    [TestCase(20, 50, WarpPadding.Zeros)]
    [TestCase(9, 61, WarpPadding.Reflection)]
    [TestCase(2, 2, WarpPadding.Border)]
    public void To_AgreesWithTheDoublePrecisionReference(int height, int width, WarpPadding padding)
    {
        using var scope = torch.NewDisposeScope();
        var image = FieldFixtures.Image(2, 3, 20, 33, seed: 1);
        foreach (var u in new[] { null, FieldFixtures.Field(2, 20, 33, 6, seed: 2) })
        {
            var found = Resample.To(image, u, height, width, padding);
            for (var i = 0; i < 2; i++)
            {
                var field = u is null ? null : FieldFixtures.Planes(u, i);
                var expected = Reference(FieldFixtures.Planes(image, i), field, height, width, padding);
                Assert.That(FieldFixtures.RelativeError(FieldFixtures.Planes(found, i), expected), Is.LessThan(2e-5), $"image {i}");
            }

            var rows = Resample.RowsTo(image, u, height, width, 1, 1, padding);
            Assert.That((rows - found.narrow(2, 1, 1)).abs().max().item<float>(), Is.LessThan(1e-5));
        }
    }

    [Test]
    public void To_WithoutAPadding_EndsInTheBorder()
    {
        using var scope = torch.NewDisposeScope();
        var (image, u) = (FieldFixtures.Image(1, 1, 20, 33, seed: 1), FieldFixtures.Field(1, 20, 33, 6, seed: 2));
        var expected = Resample.To(image, u, 20, 33, WarpPadding.Border);
        Assert.That((Resample.To(image, u, 20, 33) - expected).abs().max().item<float>(), Is.Zero);
        Assert.That((Resample.RowsTo(image, u, 20, 33, 0, 20) - expected).abs().max().item<float>(), Is.Zero);
    }

    [Test]
    public void At_IsTheFieldsValueBetweenItsPixels()
    {
        using var scope = torch.NewDisposeScope();
        var grid = new SamplingGrid(20, 33);
        var field = FieldFixtures.Field(2, 20, 33, 6, seed: 3);
        (double Row, double Column)[] places = [(0, 0), (3.25, 7.5), (18.9, 31.2), (19, 32), (-4, 40), (7, 16)];
        double[] values = [.. places.SelectMany(place => new[] { grid.X(place.Column), grid.Y(place.Row) })];
        var points = torch.tensor(values, torch.ScalarType.Float32).view(1, 6, 2).repeat(2, 1, 1);
        var found = Resample.At(field, points);
        Assert.That(found.shape, Is.EqualTo(new long[] { 2, 6, 2 }));
        for (var i = 0; i < 2; i++)
        {
            var planes = FieldFixtures.Planes(field, i);
            for (var p = 0; p < places.Length; p++)
            {
                for (var c = 0; c < 2; c++)
                {
                    Assert.That(found[i, p, c].item<float>(),
                        Is.EqualTo(ReferenceFields.Sample(
                            planes[c], places[p].Row, places[p].Column, WarpPadding.Border, WarpInterpolation.Bilinear)).Within(1e-5));
                }
            }
        }
    }

    [TestCase(1, 6, 3)]
    [TestCase(3, 6, 2)]
    [TestCase(2, 6)]
    public void At_OfPointsOfAnotherShape_IsRefused(params int[] shape)
    {
        using var scope = torch.NewDisposeScope();
        Assert.That(() => Resample.At(torch.zeros(2, 2, 8, 8), torch.zeros([.. shape.Select(size => (long)size)])),
            Throws.ArgumentException.With.Message.StartsWith(
                $"points have shape ({string.Join(", ", shape)}); 2 fields need (2, P, 2)."));
    }

    [TestCase(1, 8, 8)]
    [TestCase(3, 8, 9)]
    public void DisplacementsOfAnotherCount_AreRefused(int count, int height, int width)
    {
        using var scope = torch.NewDisposeScope();
        var (image, u) = (torch.zeros(2, 1, 8, 8), torch.zeros(count, 2, height, width));
        var message = $"displacement has shape ({count}, 2, {height}, {width}), image (2, 1, 8, 8); "
            + "there must be one displacement for each image.";
        Assert.That(() => Resample.To(image, u, 16, 16), Throws.ArgumentException.With.Message.StartsWith(message));
        Assert.That(() => Resample.RowsTo(image, u, 16, 16, 0, 4), Throws.ArgumentException.With.Message.StartsWith(message));
    }

    /// <summary>Corners stay aligned; the displacement is interpolated, in pixels of the image.</summary>
    private static double[][,] Reference(double[][,] image, double[][,]? u, int height, int width, WarpPadding padding)
    {
        var (rows, columns) = (image[0].GetLength(0), image[0].GetLength(1));
        var unit = ReferenceFields.Unit(rows, columns);
        double Along(double[,] plane, double row, double column) =>
            ReferenceFields.Sample(plane, row, column, WarpPadding.Border, WarpInterpolation.Bilinear) / unit;
        return Array.ConvertAll(image, plane => ReferenceFields.Fill(height, width, (i, j) =>
        {
            var (row, column) = (i * (rows - 1) / (double)(height - 1), j * (columns - 1) / (double)(width - 1));
            var (down, right) = u is null ? (0, 0) : (Along(u[1], row, column), Along(u[0], row, column));
            return ReferenceFields.Sample(plane, row + down, column + right, padding, WarpInterpolation.Bilinear);
        }));
    }
}
