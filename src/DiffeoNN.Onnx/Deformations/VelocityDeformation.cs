using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.RandomNumbers;

namespace DiffeoNN.Onnx.Deformations;

/// <summary>Exponential of a smooth random velocity field: preset <c>svf</c>.</summary>
/// <remarks>
/// A 6x6 lattice of standard normal numbers per component, x first, row by row, is upsampled by the uniform cubic B-spline with three spans
/// over [-1, 1] (the outermost control points lie outside the image), scaled so that the longest velocity has the given amplitude, and
/// exponentiated by 7 squarings, bilinear, clamped to the border.
/// </remarks>
public sealed class VelocityDeformation : Deformation
{
    /// <summary>Amplitude of preset <c>svf</c>.</summary>
    public const double DefaultAmplitude = 8;

    private const int Lattice = 6;
    private const int Spans = Lattice - 3;
    private const int Squarings = 7;
    private const double ReferencePixel = 2.0 / 127;

    /// <summary>Creates the family.</summary>
    /// <param name="amplitude">Above 0: largest speed, in pixels of an image whose longest side has 128, whatever the actual size.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="amplitude"/> is not positive and finite.</exception>
    public VelocityDeformation(double amplitude = DefaultAmplitude)
    {
        if (!(amplitude > 0 && double.IsFinite(amplitude)))
            throw new ArgumentOutOfRangeException(nameof(amplitude), amplitude, "The amplitude must be positive and finite.");
        Amplitude = amplitude;
    }

    /// <inheritdoc/>
    public override string Name => "svf";

    /// <summary>Largest speed, in pixels of an image whose longest side has 128.</summary>
    public double Amplitude { get; }

    /// <inheritdoc/>
    protected override double[] Propose(SamplingGrid grid, SplitMix64 random)
    {
        ArgumentNullException.ThrowIfNull(random);
        var lattice = new double[2 * Lattice * Lattice];
        for (var i = 0; i < lattice.Length; i++) lattice[i] = random.Normal();
        var v = Upsample(lattice, grid);
        var plane = grid.Height * grid.Width;
        double longest = 0;
        for (var i = 0; i < plane; i++) longest = Math.Max(longest, Math.Sqrt((v[i] * v[i]) + (v[plane + i] * v[plane + i])));
        var scale = Amplitude * ReferencePixel / longest;
        for (var i = 0; i < v.Length; i++) v[i] *= scale;
        return Exponential(v, grid);
    }

    private static double[] Upsample(double[] lattice, SamplingGrid grid)
    {
        var plane = grid.Height * grid.Width;
        var v = new double[2 * plane];
        Span<double> alongX = stackalloc double[4], alongY = stackalloc double[4];
        for (var row = 0; row < grid.Height; row++)
        {
            var top = Weights(grid.Y(row), alongY);
            for (var column = 0; column < grid.Width; column++)
            {
                var left = Weights(grid.X(column), alongX);
                for (var component = 0; component < 2; component++)
                {
                    double sum = 0;
                    for (var i = 0; i < 4; i++)
                        for (var j = 0; j < 4; j++)
                            sum += alongY[i] * alongX[j] * lattice[(((component * Lattice) + top + i) * Lattice) + left + j];
                    v[(component * plane) + (row * grid.Width) + column] = sum;
                }
            }
        }

        return v;
    }

    /// <summary>The four cubic B-spline weights at a coordinate in [-1, 1], and the first of their control points.</summary>
    private static int Weights(double position, Span<double> weights)
    {
        var t = (position + 1) * Spans / 2;
        var span = Math.Clamp((int)t, 0, Spans - 1);
        double s = t - span, r = 1 - s;
        weights[0] = r * r * r / 6;
        weights[1] = ((3 * s * s * s) - (6 * s * s) + 4) / 6;
        weights[2] = ((-3 * s * s * s) + (3 * s * s) + (3 * s) + 1) / 6;
        weights[3] = s * s * s / 6;
        return span;
    }

    private static double[] Exponential(double[] v, SamplingGrid grid)
    {
        var plane = grid.Height * grid.Width;
        var u = new double[v.Length];
        for (var i = 0; i < u.Length; i++) u[i] = v[i] / (1 << Squarings);
        for (var k = 0; k < Squarings; k++)
        {
            var next = new double[u.Length];
            ReadOnlySpan<double> x = u.AsSpan(0, plane), y = u.AsSpan(plane);
            for (int row = 0, i = 0; row < grid.Height; row++)
                for (var column = 0; column < grid.Width; column++, i++)
                {
                    double atRow = row + (y[i] / grid.PixelSize), atColumn = column + (x[i] / grid.PixelSize);
                    next[i] = x[i] + Bilinear.Sample(x, grid, atRow, atColumn, WarpPadding.Border);
                    next[plane + i] = y[i] + Bilinear.Sample(y, grid, atRow, atColumn, WarpPadding.Border);
                }

            u = next;
        }

        return u;
    }
}
