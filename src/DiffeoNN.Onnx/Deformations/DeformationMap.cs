using System.Numerics;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Imaging;
using TorchSharp;

namespace DiffeoNN.Onnx.Deformations;

/// <summary>A displacement u on the pixels of one image, in double precision: the deformed image is <c>x(p + u(p))</c>.</summary>
public sealed class DeformationMap
{
    private readonly double[] _u;

    /// <summary>Creates a map over existing values.</summary>
    /// <param name="grid">Size and unit.</param>
    /// <param name="u">
    /// Planes in order (component, row, column), component 0 is x, in the library's unit (see
    /// <see cref="SamplingGrid"/>); taken over, not copied.
    /// </param>
    /// <exception cref="ArgumentException">The number of values is not 2 x height x width.</exception>
    public DeformationMap(SamplingGrid grid, double[] u)
    {
        ArgumentNullException.ThrowIfNull(u);
        if (u.Length != 2 * grid.Height * grid.Width)
            throw new ArgumentException(
                $"u has {u.Length} values; a {grid.Height}x{grid.Width} grid needs (2, {grid.Height}, {grid.Width}).", nameof(u));
        Grid = grid;
        _u = u;
        MinimumDeterminant = FoldCheck.MinimumDeterminant(grid, u);
    }

    /// <summary>Copies one displacement of a batch.</summary>
    /// <param name="displacement">Shape (N, 2, H, W), component 0 is x, in the library's unit; any floating type and device.</param>
    /// <param name="index">Which of the N.</param>
    /// <exception cref="ArgumentException">The tensor has another shape.</exception>
    public static DeformationMap FromTensor(torch.Tensor displacement, int index = 0)
    {
        var grid = SamplingGrid.OfField(displacement, nameof(displacement));
        using var scope = torch.NewDisposeScope();
        return new DeformationMap(grid, displacement.detach()[index].to(torch.float64).cpu().contiguous().data<double>().ToArray());
    }

    /// <summary>Size and unit.</summary>
    public SamplingGrid Grid { get; }

    /// <summary>All values, order (component, row, column), component 0 is x, in the library's unit.</summary>
    public ReadOnlySpan<double> U => _u;

    /// <summary>
    /// Smallest Jacobian determinant of <c>p + u(p)</c> over all four combinations of one-sided differences;
    /// the map is folded where it is not positive.
    /// </summary>
    public double MinimumDeterminant { get; }

    /// <summary>Displacement along x at a pixel, in the library's unit.</summary>
    /// <param name="row">Row from the top.</param>
    /// <param name="column">Column from the left.</param>
    public double X(int row, int column) => _u[(row * Grid.Width) + column];

    /// <summary>Displacement along y (down) at a pixel, in the library's unit.</summary>
    /// <param name="row">Row from the top.</param>
    /// <param name="column">Column from the left.</param>
    public double Y(int row, int column) => _u[(((Grid.Height + row) * Grid.Width)) + column];

    /// <summary>The deformed image <c>x(p + u(p))</c>, bilinear, computed in double precision; a plain loop for single images.</summary>
    /// <param name="image">Of the grid's size, any number of channels.</param>
    /// <param name="padding">What lies outside the image.</param>
    /// <exception cref="ArgumentException">The image has another size than the grid.</exception>
    public ImageBuffer Apply(ImageBuffer image, WarpPadding padding = WarpPadding.Zeros)
    {
        ArgumentNullException.ThrowIfNull(image);
        if (image.Height != Grid.Height || image.Width != Grid.Width)
            throw new ArgumentException(
                $"image is {image.Width}x{image.Height} pixels; the map is for {Grid.Width}x{Grid.Height}.", nameof(image));
        var result = new ImageBuffer(image.Channels, image.Height, image.Width);
        for (var c = 0; c < image.Channels; c++)
        {
            ReadOnlySpan<float> plane = image.Plane(c);
            var target = result.Plane(c);
            for (int row = 0, i = 0; row < Grid.Height; row++)
                for (var column = 0; column < Grid.Width; column++, i++)
                    target[i] = (float)Bilinear.Sample(
                        plane, Grid, row + (Y(row, column) / Grid.PixelSize), column + (X(row, column) / Grid.PixelSize), padding);
        }

        return result;
    }

    /// <summary>The deformed mask: 1 where the bilinear, zero-padded mask reaches 0.5, else 0.</summary>
    /// <param name="mask">Of the grid's size; 0 and 1, or probabilities.</param>
    /// <exception cref="ArgumentException">The mask has another size than the grid.</exception>
    public ImageBuffer ApplyToMask(ImageBuffer mask)
    {
        var result = Apply(mask);
        foreach (ref var value in result.Data) value = value >= 0.5f ? 1 : 0;
        return result;
    }

    /// <summary>The deformed labels: each pixel takes the label with the largest bilinear share, 0 outside;
    /// no other labels arise.</summary>
    /// <param name="mask">Of the grid's size, any number of classes.</param>
    /// <returns>With labels 0 and 1 what <see cref="ApplyToMask"/> gives.</returns>
    /// <exception cref="ArgumentException">The mask has another size than the grid.</exception>
    public LabelMap Apply(LabelMap mask)
    {
        ArgumentNullException.ThrowIfNull(mask);
        if (mask.Height != Grid.Height || mask.Width != Grid.Width)
            throw new ArgumentException(
                $"mask is {mask.Width}x{mask.Height} pixels; the map is for {Grid.Width}x{Grid.Height}.", nameof(mask));
        return new LabelMap(mask.Height, mask.Width, ApplyToLabels(mask.Labels));
    }

    /// <summary>As <see cref="Apply(LabelMap)"/>, for labels of any type, row by row; of two equal shares the larger label wins.</summary>
    internal T[] ApplyToLabels<T>(ReadOnlySpan<T> labels)
        where T : unmanaged, INumber<T>
    {
        var result = new T[labels.Length];
        Span<T> near = stackalloc T[4];
        for (int row = 0, i = 0; row < Grid.Height; row++)
            for (var column = 0; column < Grid.Width; column++, i++)
                result[i] = Bilinear.LargestShare(
                    labels, Grid, row + (Y(row, column) / Grid.PixelSize), column + (X(row, column) / Grid.PixelSize), near);
        return result;
    }

    /// <summary>Where a place of the image is in the deformed image: the p with p + u(p) = q, found by Newton's method from the pixel that
    /// comes nearest.</summary>
    /// <param name="place">q, in pixels; (0, 0) is the centre of the top left one.</param>
    /// <returns>p, in pixels; the border's displacement goes on outside.</returns>
    public (double Column, double Row) PlaceOf((double Column, double Row) place)
    {
        var (column, row) = Nearest(place);
        const double step = 1e-3;
        for (var i = 0; i < 20; i++)
        {
            var (x, y) = Target(column, row);
            double dx = place.Column - x, dy = place.Row - y;
            if (Math.Abs(dx) + Math.Abs(dy) < 1e-9) break;
            var (right, below) = (Target(column + step, row), Target(column, row + step));
            double xx = (right.X - x) / step, yx = (right.Y - y) / step, xy = (below.X - x) / step, yy = (below.Y - y) / step;
            var determinant = (xx * yy) - (xy * yx);
            if (Math.Abs(determinant) < 1e-9) break;
            column += ((yy * dx) - (xy * dy)) / determinant;
            row += ((xx * dy) - (yx * dx)) / determinant;
        }

        return (column, row);
    }

    private (double Column, double Row) Nearest((double Column, double Row) place)
    {
        var (best, nearest) = ((0, 0), double.PositiveInfinity);
        for (var row = 0; row < Grid.Height; row++)
            for (var column = 0; column < Grid.Width; column++)
            {
                var dx = column + (X(row, column) / Grid.PixelSize) - place.Column;
                var dy = row + (Y(row, column) / Grid.PixelSize) - place.Row;
                var distance = (dx * dx) + (dy * dy);
                if (distance < nearest) (best, nearest) = ((column, row), distance);
            }

        return best;
    }

    private (double X, double Y) Target(double column, double row)
    {
        var plane = Grid.Height * Grid.Width;
        return (column + (Bilinear.Sample<double>(U[..plane], Grid, row, column, WarpPadding.Border) / Grid.PixelSize),
            row + (Bilinear.Sample<double>(U[plane..], Grid, row, column, WarpPadding.Border) / Grid.PixelSize));
    }

    /// <summary>The displacement as a tensor on the CPU.</summary>
    /// <param name="type">Float32 or float64.</param>
    /// <returns>Shape (1, 2, H, W), independent of this map; the caller disposes it.</returns>
    public torch.Tensor ToTensor(torch.ScalarType type = torch.ScalarType.Float32)
    {
        Runtime.LoadTorch();
        using var scope = torch.NewDisposeScope();
        return torch.tensor(_u, [1, 2, Grid.Height, Grid.Width], dtype: torch.float64).to(type).MoveToOuterDisposeScope();
    }
}
