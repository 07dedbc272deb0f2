using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.RandomNumbers;

namespace DiffeoNN.Onnx.Tests.Deformations;

/// <summary>Laws of the random maps.</summary>
public sealed class DeformationTests
{
    [Test]
    public void Draw_NeverReturnsFoldedMap([Values("tps", "tps-strong", "svf", "twist")] string preset)
    {
        var grid = new SamplingGrid(40, 32);
        var deformation = Deformation.Create(preset);
        for (var i = 0; i < 60; i++)
        {
            var map = deformation.Draw(grid, 11, i);
            Assert.That(SlowMinimumDeterminant(map), Is.GreaterThan(0), $"{preset} image {i}");
        }
    }

    [Test]
    public void Draw_OfStrongSpline_RedrawsSomeMaps()
    {
        // Without redraws the fold check above would have nothing to refuse.
        var grid = new SamplingGrid(40, 32);
        var redrawn = 0;
        for (var i = 0; i < 60; i++)
        {
            var random = SplitMix64.ForItem(11, i);
            new ThinPlateDeformation(ThinPlateDeformation.Strong).Draw(grid, random);
            var once = SplitMix64.ForItem(11, i);
            for (var k = 0; k < 19; k++) once.Next();
            redrawn += random.Next() == once.Next() ? 0 : 1;
        }

        Assert.That(redrawn, Is.InRange(1, 40));
    }

    [Test]
    public void MinimumDeterminant_EqualsLoopOverAllOneSidedDifferences()
    {
        var grid = new SamplingGrid(7, 9);
        var random = new SplitMix64(3);
        for (var trial = 0; trial < 10; trial++)
        {
            var u = new double[2 * 7 * 9];
            for (var i = 0; i < u.Length; i++) u[i] = random.Uniform(-0.2, 0.2);
            var map = new DeformationMap(grid, u);
            Assert.That(map.MinimumDeterminant, Is.EqualTo(SlowMinimumDeterminant(map)).Within(1e-12));
        }
    }

    [Test]
    public void MinimumDeterminant_FindsFoldThatCentralDifferencesStepOver()
    {
        // One pixel jumps two pixels ahead and its neighbours stay: central differences at the neighbours see a stretch only.
        var grid = new SamplingGrid(5, 5);
        var u = new double[50];
        for (var row = 0; row < 5; row++) u[(row * 5) + 2] = 2 * grid.PixelSize;
        Assert.That(new DeformationMap(grid, u).MinimumDeterminant, Is.EqualTo(-1).Within(1e-12));
    }

    [Test]
    public void MinimumDeterminant_OfNaN_IsNotPositive()
    {
        var u = new double[18];
        u[4] = double.NaN;
        Assert.That(new DeformationMap(new SamplingGrid(3, 3), u).MinimumDeterminant, Is.NaN);
    }

    [Test]
    public void Tps_IsHalfOfStrong_ForTheSameDraw()
    {
        var grid = new SamplingGrid(24, 24);
        var compared = 0;
        for (var i = 0; i < 20; i++)
        {
            var (halfRandom, strongRandom) = (SplitMix64.ForItem(5, i), SplitMix64.ForItem(5, i));
            var half = Deformation.Create("tps").Draw(grid, halfRandom);
            var strong = Deformation.Create("tps-strong").Draw(grid, strongRandom);
            if (halfRandom.Next() != strongRandom.Next()) continue;
            compared++;
            for (var k = 0; k < half.U.Length; k++) Assert.That(strong.U[k], Is.EqualTo(2 * half.U[k]).Within(1e-15));
        }

        Assert.That(compared, Is.GreaterThan(5));
    }

    [Test]
    public void Tps_TakesControlPointsToTheirTargets()
    {
        // A 21x21 grid has pixels on the control points: q = p / 2 with p a multiple of 0.1.
        var grid = new SamplingGrid(21, 21);
        var map = Deformation.Create("tps").Draw(grid, new SplitMix64(42));
        var random = new SplitMix64(42);
        var angle = random.Uniform(-30, 30) * Math.PI / 180;
        for (var i = 0; i < 9; i++)
        {
            double x = 0.3 * ((i % 3) - 1), y = 0.3 * ((i / 3) - 1);
            var targetX = Math.Clamp((0.9 * ((x * Math.Cos(angle)) - (y * Math.Sin(angle)))) + random.Uniform(-0.12, 0.12), -0.5, 0.5);
            var targetY = Math.Clamp((0.9 * ((x * Math.Sin(angle)) + (y * Math.Cos(angle)))) + random.Uniform(-0.12, 0.12), -0.5, 0.5);
            int row = (int)Math.Round(grid.Row(2 * y)), column = (int)Math.Round(grid.Column(2 * x));
            Assert.That(map.X(row, column), Is.EqualTo(targetX - x).Within(1e-12));
            Assert.That(map.Y(row, column), Is.EqualTo(targetY - y).Within(1e-12));
        }
    }

    [Test]
    public void Svf_MovesAtMostItsAmplitude()
    {
        var grid = new SamplingGrid(64, 64);
        var map = new VelocityDeformation(6).Draw(grid, 1);
        double longest = 0;
        for (var row = 0; row < 64; row++)
            for (var column = 0; column < 64; column++)
                longest = Math.Max(longest, double.Hypot(map.X(row, column), map.Y(row, column)));
        Assert.That(longest, Is.InRange(3 * 2.0 / 127, 6 * 2.0 / 127));
    }

    [Test]
    public void Draw_WhenEveryMapFolds_SaysSo()
    {
        Assert.That(
            () => new Mirror().Draw(new SamplingGrid(16, 12), 1),
            Throws.TypeOf<DeformationException>()
                .With.Message.EqualTo("deformation 'mirror' on 12x16 pixels: 100 maps in a row folded; make it weaker."));
    }

    [Test]
    public void Create_OfUnknownName_ListsNames() => Assert.That(
        () => Deformation.Create("twirl"),
        Throws.TypeOf<DeformationException>()
            .With.Message.EqualTo("deformation 'twirl' is unknown; expected one of none, tps, tps-strong, svf, twist."));

    private static double SlowMinimumDeterminant(DeformationMap map)
    {
        var grid = map.Grid;
        var least = double.PositiveInfinity;
        for (var row = 0; row < grid.Height; row++)
            for (var column = 0; column < grid.Width; column++)
                foreach (var dx in new[] { -1, 1 })
                    foreach (var dy in new[] { -1, 1 })
                    {
                        if (column + dx < 0 || column + dx >= grid.Width || row + dy < 0 || row + dy >= grid.Height) continue;
                        var h = grid.PixelSize;
                        double xx = 1 + ((map.X(row, column + dx) - map.X(row, column)) / (dx * h)),
                            yx = (map.Y(row, column + dx) - map.Y(row, column)) / (dx * h);
                        double xy = (map.X(row + dy, column) - map.X(row, column)) / (dy * h),
                            yy = 1 + ((map.Y(row + dy, column) - map.Y(row, column)) / (dy * h));
                        least = Math.Min(least, (xx * yy) - (xy * yx));
                    }

        return least;
    }

    private sealed class Mirror : Deformation
    {
        public override string Name => "mirror";

        protected override double[] Propose(SamplingGrid grid, SplitMix64 random)
        {
            var u = new double[2 * grid.Height * grid.Width];
            for (var i = 0; i < grid.Height * grid.Width; i++) u[i] = -2 * grid.X(i % grid.Width);
            return u;
        }
    }
}
