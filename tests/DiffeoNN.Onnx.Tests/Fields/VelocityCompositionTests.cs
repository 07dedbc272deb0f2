using DiffeoNN.Onnx.Fields;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Fields;

public sealed class VelocityCompositionTests
{
    [Test]
    public void Compose_AgreesWithTheDoublePrecisionReference([ValueSource(typeof(FieldFixtures), nameof(FieldFixtures.Sizes))] int[] size)
    {
        using var scope = torch.NewDisposeScope();
        var (height, width) = (size[0], size[1]);
        var (v, w) = (FieldFixtures.Field(2, height, width, 6, seed: 1), FieldFixtures.Field(2, height, width, 9, seed: 2));
        var composed = VelocityComposition.Compose(v, w, new SamplingGrid(height, width));
        for (var i = 0; i < 2; i++)
        {
            var expected = Reference(FieldFixtures.Planes(v, i), FieldFixtures.Planes(w, i), ReferenceFields.Unit(height, width));
            Assert.That(FieldFixtures.RelativeError(FieldFixtures.Planes(composed, i), expected), Is.LessThan(1e-5), $"field {i}");
        }
    }

    [Test]
    public void Compose_OfLinearFieldsOnALattice_IsTheirSumAndHalfTheirCommutator()
    {
        // The same numbers as in tools/pytorch/tests/test_energies.py.
        using var scope = torch.NewDisposeScope();
        var grid = new SamplingGrid(20, 33);
        var a = torch.tensor(new[,] { { 0.1, -0.3 }, { 0.2, 0.05 } });
        var b = torch.tensor(new[,] { { 0.2, 0.1 }, { -0.4, 0.3 } });
        var x = torch.linspace(-grid.HalfWidth, grid.HalfWidth, 9, torch.ScalarType.Float64).expand(6, 9);
        var y = torch.linspace(-grid.HalfHeight, grid.HalfHeight, 6, torch.ScalarType.Float64).unsqueeze(1).expand(6, 9);
        var positions = torch.stack([x, y]);
        torch.Tensor Linear(torch.Tensor matrix) => torch.einsum("ij,jhw->ihw", matrix, positions).unsqueeze(0);
        var expected = Linear(a + b + ((a.matmul(b) - b.matmul(a)) / 2));
        Assert.That((VelocityComposition.Compose(Linear(a), Linear(b), grid) - expected).abs().max().item<double>(), Is.LessThan(1e-14));
    }

    [TestCase(1)]
    [TestCase(5)]
    public void Compose_LeadsToTheSecondMapAndThenTheFirst(int seed)
    {
        using var scope = torch.NewDisposeScope();
        var grid = new SamplingGrid(65, 65);
        var (v, w) = (FieldFixtures.Field(1, 65, 65, 4, seed), FieldFixtures.Field(1, 65, 65, 4, seed + 1));
        var (first, second) = (ScalingAndSquaring.Exp(v, 7), ScalingAndSquaring.Exp(w, 7));
        var both = second + Warp.Apply(first, second, WarpPadding.Border);
        double Error(torch.Tensor velocity) =>
            grid.ToPixels(ScalingAndSquaring.Exp(velocity, 7) - both)[.., .., 10..55, 10..55].abs().max().item<float>();
        var (sum, composed) = (Error(v + w), Error(VelocityComposition.Compose(v, w, grid)));
        Assert.That(sum, Is.GreaterThan(0.1), "pixels; else there is nothing to see");
        Assert.That(composed, Is.LessThan(0.35 * sum));
    }

    [Test]
    public void Compose_OnTheSmallestLattice_AndOfDifferentShapes()
    {
        using var scope = torch.NewDisposeScope();
        var grid = new SamplingGrid(9, 9);
        var v = FieldFixtures.Field(1, 2, 2, 1, seed: 1);
        Assert.That(VelocityComposition.Compose(v, torch.zeros_like(v), grid).allclose(v));
        Assert.That(() => VelocityComposition.Compose(v, torch.zeros(1, 2, 2, 3), grid),
            Throws.ArgumentException.With.Message.Contains("must be the same"));
    }

    private static double[][,] Reference(double[][,] v, double[][,] w, double unit)
    {
        var (height, width) = (v[0].GetLength(0), v[0].GetLength(1));
        double Slope(double[,] plane, int row, int column, bool alongX)
        {
            var (position, last) = alongX ? (column, width - 1) : (row, height - 1);
            var (low, high) = (Math.Max(position - 1, 0), Math.Min(position + 1, last));
            var difference = alongX ? plane[row, high] - plane[row, low] : plane[high, column] - plane[low, column];
            return difference / ((high - low) * unit);
        }

        double Along(double[,] plane, double[][,] direction, int row, int column) =>
            (Slope(plane, row, column, true) * direction[0][row, column]) + (Slope(plane, row, column, false) * direction[1][row, column]);
        return [.. Enumerable.Range(0, 2).Select(c => ReferenceFields.Fill(height, width, (row, column) =>
            v[c][row, column] + w[c][row, column] + (0.5 * (Along(v[c], w, row, column) - Along(w[c], v, row, column)))))];
    }
}
