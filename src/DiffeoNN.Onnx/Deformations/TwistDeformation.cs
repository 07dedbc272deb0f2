using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.RandomNumbers;

namespace DiffeoNN.Onnx.Deformations;

/// <summary>A turn about a point that fades with the distance from it: preset <c>twist</c>, for evaluation.
/// Nothing is trained on it.</summary>
/// <remarks>
/// phi(p) = c + R(a exp(-|p - c|^2 / (2 r^2))) (p - c): c is drawn from [-0.3, 0.3] per axis, x first, then the angle a from [-90,
/// 90] degrees and the radius r from [0.3, 0.6], in the library's unit. Circles about c are turned as a whole, so no map folds.
/// </remarks>
public sealed class TwistDeformation : Deformation
{
    private const double Centre = 0.3;
    private const double Degrees = 90;
    private const double SmallestRadius = 0.3;
    private const double LargestRadius = 0.6;

    /// <inheritdoc/>
    public override string Name => "twist";

    /// <inheritdoc/>
    protected override double[] Propose(SamplingGrid grid, SplitMix64 random)
    {
        ArgumentNullException.ThrowIfNull(random);
        double centreX = random.Uniform(-Centre, Centre), centreY = random.Uniform(-Centre, Centre);
        var angle = random.Uniform(-Degrees, Degrees) * Math.PI / 180;
        var radius = random.Uniform(SmallestRadius, LargestRadius);
        var plane = grid.Height * grid.Width;
        var u = new double[2 * plane];
        for (int row = 0, i = 0; row < grid.Height; row++)
            for (var column = 0; column < grid.Width; column++, i++)
            {
                double x = grid.X(column) - centreX, y = grid.Y(row) - centreY;
                var turn = angle * Math.Exp(-((x * x) + (y * y)) / (2 * radius * radius));
                double cosine = Math.Cos(turn), sine = Math.Sin(turn);
                u[i] = (cosine * x) - (sine * y) - x;
                u[plane + i] = (sine * x) + (cosine * y) - y;
            }

        return u;
    }
}
