using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.RandomNumbers;

namespace DiffeoNN.Onnx.Deformations;

/// <summary>Thin-plate spline through a rotated, scaled and jittered 3x3 grid of control points.</summary>
/// <remarks>
/// Control points c = {-0.5, 0, 0.5}^2 * 0.6, row by row. Drawn are the angle, U(-30, 30) degrees, then per control point the jitter in x
/// and in y, U(-0.12, 0.12). Targets t = clip(0.9 R(angle) c + jitter, -0.5, 0.5). f interpolates c -> t;
/// with q = p / 2 the displacement is <c>u(p) = strength * (f(q) - q)</c>.
/// Offsets live in a square of side 1 and the image in one of side 2, so strength 2 is the map the control points describe,
/// and strength 1 is half of it.
/// </remarks>
/// <param name="strength">Factor of the offset: <see cref="Half"/> is preset <c>tps</c>, <see cref="Strong"/> is <c>tps-strong</c>.</param>
public sealed class ThinPlateDeformation(double strength = ThinPlateDeformation.Half) : Deformation
{
    /// <summary>Strength of preset <c>tps</c>.</summary>
    public const double Half = 1;

    /// <summary>Strength of preset <c>tps-strong</c>.</summary>
    public const double Strong = 2;

    private const double Extent = 0.5;
    private const double ControlScale = 0.6;
    private const double Shrink = 0.9;
    private const double Jitter = 0.12;
    private const double Degrees = 30;
    private const int Side = 3;

    /// <inheritdoc/>
    public override string Name => Strength switch
    {
        Half => "tps",
        Strong => "tps-strong",
        _ => $"tps of strength {Strength}",
    };

    /// <summary>Factor of the offset.</summary>
    public double Strength { get; } = strength;

    /// <inheritdoc/>
    protected override double[] Propose(SamplingGrid grid, SplitMix64 random)
    {
        ArgumentNullException.ThrowIfNull(random);
        var (sources, targets) = DrawControlPoints(random);
        var spline = ThinPlateSpline.Fit(sources, targets);
        var plane = grid.Height * grid.Width;
        var u = new double[2 * plane];
        for (int row = 0, i = 0; row < grid.Height; row++)
            for (var column = 0; column < grid.Width; column++, i++)
            {
                double qx = grid.X(column) / 2, qy = grid.Y(row) / 2;
                var (x, y) = spline.At(qx, qy);
                u[i] = Strength * (x - qx);
                u[plane + i] = Strength * (y - qy);
            }

        return u;
    }

    private static ((double X, double Y)[] Sources, (double X, double Y)[] Targets) DrawControlPoints(SplitMix64 random)
    {
        var angle = random.Uniform(-Degrees, Degrees) * Math.PI / 180;
        double cosine = Math.Cos(angle), sine = Math.Sin(angle);
        var sources = new (double X, double Y)[Side * Side];
        var targets = new (double X, double Y)[Side * Side];
        for (var i = 0; i < sources.Length; i++)
        {
            double x = ControlScale * Extent * ((i % Side) - 1), y = ControlScale * Extent * ((i / Side) - 1);
            double jitterX = random.Uniform(-Jitter, Jitter), jitterY = random.Uniform(-Jitter, Jitter);
            sources[i] = (x, y);
            targets[i] = (
                Math.Clamp((Shrink * ((x * cosine) - (y * sine))) + jitterX, -Extent, Extent),
                Math.Clamp((Shrink * ((x * sine) + (y * cosine))) + jitterY, -Extent, Extent));
        }

        return (sources, targets);
    }
}
