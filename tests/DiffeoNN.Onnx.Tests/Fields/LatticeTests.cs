using DiffeoNN.Onnx.Fields;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Fields;

public sealed class LatticeTests
{
    [Test]
    public void LinearUpsampling_PassesThroughTheLatticeAndIsLinearBetween()
    {
        using var scope = torch.NewDisposeScope();
        var lattice = FieldFixtures.Field(2, 5, 4, 1, seed: 1);
        // 5 rows onto 17: every fourth row is a lattice row; 4 columns onto 10: every third.
        var field = LatticeUpsampling.Resample(lattice, new SamplingGrid(17, 10));
        for (var i = 0; i < 2; i++)
        {
            var coarse = FieldFixtures.Planes(lattice, i);
            var expected = Array.ConvertAll(coarse, plane => ReferenceFields.Fill(17, 10, (row, column) =>
                ReferenceFields.Sample(plane, row / 4.0, column / 3.0, WarpPadding.Border, WarpInterpolation.Bilinear)));
            Assert.That(FieldFixtures.RelativeError(FieldFixtures.Planes(field, i), expected), Is.LessThan(1e-6));
        }
    }

    [Test]
    public void Upsampling_OfALinearField_IsThatField([Values] LatticeBasis basis)
    {
        using var scope = torch.NewDisposeScope();
        var grid = new SamplingGrid(30, 41);
        torch.Tensor Field(SamplingGrid of) => of.Positions(torch.ScalarType.Float64);
        // A lattice of 7 x 9.3 cells cannot be square; its corners still lie on the image's.
        var (halfWidth, halfHeight) = (grid.HalfWidth, grid.HalfHeight);
        var x = torch.linspace(-halfWidth, halfWidth, 9, torch.ScalarType.Float64).expand(7, 9);
        var y = torch.linspace(-halfHeight, halfHeight, 7, torch.ScalarType.Float64).unsqueeze(1).expand(7, 9);
        var field = LatticeUpsampling.Resample(torch.stack([x, y]).unsqueeze(0), grid, basis);
        Assert.That((field - Field(grid)).abs().max().item<double>(), Is.LessThan(1e-12));
    }

    [Test]
    public void CubicUpsampling_HasContinuousSlopes()
    {
        using var scope = torch.NewDisposeScope();
        var lattice = torch.zeros(1, 2, 6, 6, torch.ScalarType.Float64);
        lattice[0, 0, 2, 3] = 1;
        double LargestKink(LatticeBasis basis)
        {
            var field = LatticeUpsampling.Resample(lattice, new SamplingGrid(101, 101), basis);
            var slope = field.narrow(3, 1, 100) - field.narrow(3, 0, 100);
            return (slope.narrow(3, 1, 99) - slope.narrow(3, 0, 99)).abs().max().item<double>();
        }

        Assert.That(LargestKink(LatticeBasis.CubicBSpline), Is.LessThan(0.2 * LargestKink(LatticeBasis.Linear)));
    }

    [Test]
    public void TransposedUpsampling_IsTheAdjoint([Values] LatticeBasis basis)
    {
        using var scope = torch.NewDisposeScope();
        using var upsampling = new LatticeUpsampling(5, 8, new SamplingGrid(20, 33), basis);
        var lattice = FieldFixtures.Field(2, 5, 8, 1, seed: 2);
        var gradient = FieldFixtures.Field(2, 20, 33, 1, seed: 3);
        var forward = (upsampling.Apply(lattice) * gradient).sum().item<float>();
        var backward = (lattice * upsampling.ApplyTransposed(gradient)).sum().item<float>();
        Assert.That(backward, Is.EqualTo(forward).Within(1e-4 * Math.Abs(forward)));
        Assert.That(() => upsampling.Apply(gradient), Throws.ArgumentException.With.Message.Contains("expected (N, 2, 5, 8)"));
        Assert.That(
            () => upsampling.ApplyTransposed(gradient.narrow(2, 0, 19)),
            Throws.ArgumentException.With.Message.StartsWith("gradient has shape (2, 2, 19, 33); expected (N, 2, 20, 33)."));
    }

    [Test]
    public void Siren_StartsAtZeroWithTheSameNetworkForEveryImage()
    {
        using var scope = torch.NewDisposeScope();
        using var siren = new Siren(3, 8, 12, new SamplingGrid(64, 96), seed: 7, torch.CPU);
        Assert.Multiple(() =>
        {
            Assert.That(siren.Evaluate().abs().max().item<float>(), Is.LessThan(1e-6f));
            foreach (var parameter in siren.Parameters)
                Assert.That((parameter - parameter.narrow(0, 0, 1)).abs().max().item<float>(), Is.Zero);
        });
    }

    [Test]
    public void Siren_InitialWeightsFillTheirInterval()
    {
        using var scope = torch.NewDisposeScope();
        using var siren = new Siren(1, 4, 4, new SamplingGrid(16, 16), seed: 7, torch.CPU);
        double[] fanIns = [2, 2, 256, 256, 256, 256, 256, 256];
        for (var i = 0; i < fanIns.Length; i++)
        {
            var bound = Math.Sqrt(6 / fanIns[i]);
            var largest = siren.Parameters[i].abs().max().item<float>();
            Assert.That(largest, Is.LessThanOrEqualTo(bound + 1e-6), $"parameter {i}");
            if (siren.Parameters[i].numel() > 100)
                Assert.That(largest, Is.GreaterThan(0.9 * bound), $"parameter {i}");
        }
    }

    [Test]
    public void Select_KeepsTheChosenImagesParameters([Values] bool lattice)
    {
        using var scope = torch.NewDisposeScope();
        using VelocityParameterisation field = lattice
            ? new ControlLattice(3, 4, 4, torch.CPU)
            : new Siren(3, 4, 4, new SamplingGrid(16, 16), seed: 7, torch.CPU);
        using (torch.no_grad())
        {
            var last = field.Parameters[^1];
            last.add_(torch.arange(3).view([-1, .. Enumerable.Repeat(1L, (int)last.dim() - 1)]));
        }

        var all = field.Evaluate().detach();
        field.Select(torch.tensor(new long[] { 0, 2 }));
        var kept = field.Evaluate();
        Assert.Multiple(() =>
        {
            Assert.That(kept.requires_grad, Is.True);
            Assert.That((kept - all.index_select(0, torch.tensor(new long[] { 0, 2 }))).abs().max().item<float>(), Is.LessThan(1e-6f));
        });
    }
}
