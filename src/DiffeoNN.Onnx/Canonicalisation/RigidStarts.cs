using DiffeoNN.Onnx.Fields;
using TorchSharp;

namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>Rotations and scales about the image's centre as velocities: exp of v(p) = A p.</summary>
public static class RigidStarts
{
    /// <summary>The velocity whose exponential rotates and scales.</summary>
    /// <param name="grid">The image's grid: centre and aspect ratio.</param>
    /// <param name="rotation">Degrees by which the canonical image shows the input turned,
    /// positive anticlockwise as seen on a screen.</param>
    /// <param name="scale">How much larger the input's content appears, positive.</param>
    /// <param name="height">Rows of the lattice, at least 2; two are exact.</param>
    /// <param name="width">Columns of the lattice, at least 2.</param>
    /// <returns>Shape (1, 2, height, width), float32, component 0 is x, in the library's unit; the caller disposes it.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The scale is not positive, or a side of the lattice is too short.</exception>
    /// <remarks>A = -log(scale) I + angle J generates p -> R p / scale. Velocities of this kind add up with others to the velocity of one
    /// diffeomorphism, so the inverse stays that of a stationary velocity.</remarks>
    public static torch.Tensor Velocity(SamplingGrid grid, double rotation, double scale, int height = 2, int width = 2)
    {
        if (!(scale > 0) || !double.IsFinite(scale))
            throw new ArgumentOutOfRangeException(nameof(scale), scale, "A scale must be positive.");
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 2);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 2);
        Runtime.LoadTorch();
        var (stretch, angle) = (-Math.Log(scale), rotation * Math.PI / 180);
        var values = new float[2 * height * width];
        for (var row = 0; row < height; row++)
        {
            for (var column = 0; column < width; column++)
            {
                var x = grid.HalfWidth * ((2.0 * column / (width - 1)) - 1);
                var y = grid.HalfHeight * ((2.0 * row / (height - 1)) - 1);
                // y points down: to show the content turned anticlockwise, the map looks clockwise on the screen, which is x towards y.
                values[(row * width) + column] = (float)((stretch * x) - (angle * y));
                values[(((height + row) * width)) + column] = (float)((angle * x) + (stretch * y));
            }
        }

        return torch.tensor(values, [1, 2, height, width]);
    }
}
