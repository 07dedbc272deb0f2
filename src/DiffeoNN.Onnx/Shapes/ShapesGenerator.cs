using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.RandomNumbers;

namespace DiffeoNN.Onnx.Shapes;

/// <summary>Draws the synthetic segmentation task: grey images of a figure in canonical layout,
/// and the mask of its target region.</summary>
/// <remarks>
/// <para>The figure is an upright rounded square, the body, with four bright parts at fixed places:
/// a disc (top left), a square (top right), an upright triangle (bottom left) and a ring (bottom right).
/// The target is the two quadrants of the body that hold the square and the triangle, parts included. The outer outline of the target is an
/// edge of the image; the two lines that divide the body are not drawn anywhere and follow from the layout alone. A network trained on
/// undeformed figures learns straight, upright lines, so it fails on deformed ones,
/// while a diffeomorphism back to the layout restores its answer.</para>
/// <para>Lengths are in the library's unit, with y pointing down. Drawn in this order from <see cref="SplitMix64"/> (U is uniform):
/// centre x, y U(-0.03, 0.03); scale U(0.93, 1.07); aspect U(0.97, 1.03); tangent of half the tilt U(-0.02, 0.02), a tilt of at most 2.3
/// degrees; body's half side 0.60 and corner radius U(0.14, 0.22); per part centre (+-0.27, +-0.27) with jitter x, y U(-0.02, 0.02) and
/// radius 0.15 times U(0.9, 1.1); intensities of background U(0.10, 0.22), body U(0.40, 0.52), and per part U(0.72, 0.92); two lattices
/// (9x9 then 17x17) of texture U(-0.06, 0.06), row by row, over the background, interpolated bilinearly, of which the body keeps a third;
/// then, per pixel row by row, noise of standard deviation 0.02 (the sum of four uniforms, centred).</para>
/// <para>Edges are antialiased by 4x4 samples a pixel; a pixel belongs to the mask when at least half its samples do. Only additions,
/// multiplications, divisions and square roots in double precision: every platform draws the same values, finally rounded to 8 bits.</para>
/// </remarks>
public static class ShapesGenerator
{
    private const int Samples = 4;
    private const double Noise = 0.02;
    private const double Texture = 0.06;
    private const double TextureInBody = 1.0 / 3;

    /// <summary>Draws one image of a set.</summary>
    /// <param name="seed">Seed of the set.</param>
    /// <param name="index">Number of the image in the set, from 0.</param>
    /// <param name="size">Rows and columns, at least 16.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="size"/> is below 16 or <paramref name="index"/> is
    /// negative.</exception>
    public static ShapesImage Generate(ulong seed, long index, int size = 128)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 16);
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        var random = SplitMix64.ForItem(seed, index);
        var figure = ShapesFigure.Draw(random);
        var coarse = Lattice(random, 9);
        var fine = Lattice(random, 17);
        var image = new ImageBuffer(1, size, size);
        var mask = new ImageBuffer(1, size, size);
        Span<float> pixels = image.Data, targets = mask.Data;
        var pixelSize = 2.0 / (size - 1);
        for (int row = 0, i = 0; row < size; row++)
            for (var column = 0; column < size; column++, i++)
            {
                double intensity = 0;
                int inBody = 0, inTarget = 0;
                for (var s = 0; s < Samples * Samples; s++)
                {
                    var x = ((column + Offset(s % Samples)) * pixelSize) - 1;
                    var y = ((row + Offset(s / Samples)) * pixelSize) - 1;
                    var (value, body, target) = figure.At(x, y);
                    intensity += value;
                    inBody += body ? 1 : 0;
                    inTarget += target ? 1 : 0;
                }

                const double all = Samples * Samples;
                var texture = Interpolate(coarse, 9, row, column, size) + Interpolate(fine, 17, row, column, size);
                var visible = 1 - (inBody / all * (1 - TextureInBody));
                // The sum of four uniforms has variance 1/3.
                var noise = Noise * 1.7320508075688772 * (random.Uniform() + random.Uniform() + random.Uniform() + random.Uniform() - 2);
                var level = Math.Clamp((intensity / all) + (texture * visible) + noise, 0, 1);
                pixels[i] = (float)(Math.Floor((level * 255) + 0.5) / 255);
                targets[i] = inTarget * 2 >= Samples * Samples ? 1 : 0;
            }

        return new ShapesImage(image, mask);
    }

    private static double Offset(int sample) => ((sample + 0.5) / Samples) - 0.5;

    private static double[] Lattice(SplitMix64 random, int side)
    {
        var lattice = new double[side * side];
        for (var i = 0; i < lattice.Length; i++) lattice[i] = random.Uniform(-Texture, Texture);
        return lattice;
    }

    private static double Interpolate(double[] lattice, int side, int row, int column, int size)
    {
        double y = row * (side - 1.0) / (size - 1), x = column * (side - 1.0) / (size - 1);
        int y0 = Math.Min((int)y, side - 2), x0 = Math.Min((int)x, side - 2);
        double fy = y - y0, fx = x - x0;
        var at = (y0 * side) + x0;
        var top = lattice[at] + (fx * (lattice[at + 1] - lattice[at]));
        var bottom = lattice[at + side] + (fx * (lattice[at + side + 1] - lattice[at + side]));
        return top + (fy * (bottom - top));
    }
}
