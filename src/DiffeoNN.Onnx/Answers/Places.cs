using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Answers;

/// <summary>Coordinates of points: from what a network counts to the library's unit, and from there to pixels of an image.</summary>
internal static class Places
{
    /// <summary>Points in the library's unit of the canonical grid.</summary>
    /// <param name="points">(N, P, 2), float32, on the image that the network sees.</param>
    /// <param name="spec">What the coordinates count, and which comes first.</param>
    /// <param name="grids">Of the network and of the maps.</param>
    /// <returns>(N, P, 2), x first; in the caller's scope.</returns>
    public static torch.Tensor ToUnit(torch.Tensor points, OutputSpec spec, OutputGrids grids)
    {
        var given = spec.Order == CoordinateOrder.Yx ? points.flip(-1) : points;
        var (own, canonical) = (grids.Network, grids.Canonical);
        var isCentred = spec.Coordinates is null or OutputCoordinates.Centred;
        if (isCentred && own == canonical) return given;
        var counts = spec.Coordinates != OutputCoordinates.Unit;
        var shift = spec.Coordinates == OutputCoordinates.Pixels ? 0 : -0.5;
        return torch.cat(
            [Axis(0, own.Width, own.HalfWidth, canonical.HalfWidth), Axis(1, own.Height, own.HalfHeight, canonical.HalfHeight)], -1);

        // Fractions of the extent carry over from one grid to the other.
        torch.Tensor Axis(int axis, int size, double half, double canonicalHalf)
        {
            var scale = canonicalHalf / half;
            var values = given.narrow(-1, axis, 1);
            return isCentred
                ? values.Times(scale)
                : values.Times((counts ? 1 : size) * own.PixelSize * scale).Plus(((shift * own.PixelSize) - half) * scale);
        }
    }

    /// <summary>Points moved by a displacement.</summary>
    /// <param name="points">(1, P, 2), in the library's unit.</param>
    /// <param name="displacement">(1, 2, H, W); null for none.</param>
    public static torch.Tensor Moved(torch.Tensor points, torch.Tensor? displacement) =>
        displacement is null ? points : points.Plus(Resample.At(displacement, points));

    /// <summary>Points in pixels of an image of any size.</summary>
    /// <param name="points">(1, P, 2), in the library's unit.</param>
    /// <param name="canonical">The grid they are on.</param>
    /// <param name="height">Rows of the image.</param>
    /// <param name="width">Columns of the image.</param>
    public static List<(double Column, double Row)> InPixels(torch.Tensor points, SamplingGrid canonical, int height, int width)
    {
        // Fractions of the extent carry over to any size; the canonical grid's unit does not.
        double scaleX = (width - 1) / (2 * canonical.HalfWidth), scaleY = (height - 1) / (2 * canonical.HalfHeight);
        var values = Host(points);
        return [.. Enumerable.Range(0, values.Length / 2).Select(i =>
            ((values[2 * i] + canonical.HalfWidth) * scaleX, (values[(2 * i) + 1] + canonical.HalfHeight) * scaleY))];
    }

    /// <summary>A tensor's values, as float32.</summary>
    public static float[] Host(torch.Tensor tensor) =>
        [.. tensor.to_type(torch.ScalarType.Float32).cpu().contiguous().data<float>()];
}
