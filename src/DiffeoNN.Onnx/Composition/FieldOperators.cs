using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Composition;

/// <summary>Writes what <see cref="Fields"/> computes on tensors as nodes: the same formulas, in the same units.</summary>
/// <param name="writer">The graph.</param>
/// <param name="grid">Grid of images and fields.</param>
/// <param name="form">How sampling is written.</param>
/// <param name="positions">A value with the pixels' positions, (1, 2, P) in the kernel's units; null for a constant of its own.</param>
/// <remarks>Fields are (N, 2, P) with the pixels in one row, unless they say otherwise.</remarks>
internal sealed class FieldOperators(
    GraphWriter writer, SamplingGrid grid, SamplingForm form = SamplingForm.Gathers, string? positions = null)
{
    private readonly SamplingOperators _sampling = new(writer, grid, form, positions);

    private bool IsSquare => grid.Height == grid.Width;

    /// <summary>The graph.</summary>
    public GraphWriter Writer => writer;

    /// <summary>Sampling on the same grid.</summary>
    public SamplingOperators Sampling => _sampling;

    /// <summary>(N, C, H, W) as (N, C, P).</summary>
    public string Flat(string value, int channels) => writer.Reshape(value, 0, channels, grid.Height * grid.Width);

    /// <summary>(N, C, P) as (N, C, H, W).</summary>
    public string Planar(string value, int channels) => writer.Reshape(value, 0, channels, grid.Height, grid.Width);

    /// <summary>A lattice's values at all pixels: (N, 2, h, w) to (N, 2, P).</summary>
    public string Upsample(string lattice, int height, int width, LatticeBasis basis)
    {
        if ((height, width) == (grid.Height, grid.Width))
            return Flat(lattice, 2);
        var rows = Matrix(LatticeUpsampling.Weights(height, grid.Height, basis), transposed: false);
        var columns = Matrix(LatticeUpsampling.Weights(width, grid.Width, basis), transposed: true);
        return Flat(writer.Op("MatMul", [writer.Op("MatMul", [rows, lattice]), columns]), 2);
    }

    /// <summary>Largest |v| of each field in pixels, (N, 1, 1).</summary>
    public string FastestSpeed(string velocity)
    {
        var (x, y) = Components(velocity);
        var squared = writer.Add(writer.Mul(x, x), writer.Mul(y, y));
        var largest = writer.ReduceInStages("ReduceMax", writer.Reshape(squared, 0, grid.Height, grid.Width), true, 2, 1);
        return writer.Mul(writer.Op("Sqrt", [largest]), 1 / grid.PixelSize);
    }

    /// <summary>exp(v) by scaling and squaring.</summary>
    /// <param name="velocity">v, (N, 2, P), in the library's unit.</param>
    /// <param name="scale">2^-K of each field, (N, 1, 1).</param>
    /// <param name="squarings">Squarings written.</param>
    /// <param name="turns">For each squaring but the last ones, which all fields take, whether a field takes it: (N, 1, 1), bool.</param>
    /// <returns>u in the resampling kernel's units.</returns>
    public string ExpInKernelUnits(string velocity, string scale, int squarings, params ReadOnlySpan<string> turns)
    {
        var u = writer.Mul(ToKernelUnits(velocity), scale);
        for (var k = 0; k < squarings; k++)
        {
            var composed = Squared(u);
            u = k < turns.Length ? writer.Op("Where", [turns[k], composed, u]) : composed;
        }

        return u;
    }

    /// <summary>A map after itself: u(p) + u(p + u(p)), in the resampling kernel's units.</summary>
    public string Squared(string u) => writer.Add(u, _sampling.Sample(u, 2, u, WarpPadding.Border));

    /// <summary>A field in the resampling kernel's units, where each axis spans [-1, 1].</summary>
    public string ToKernelUnits(string field) =>
        IsSquare ? field : writer.Op("Div", [field, _sampling.PerAxis(grid.HalfWidth, grid.HalfHeight)]);

    /// <summary>The inverse of <see cref="ToKernelUnits"/>.</summary>
    public string FromKernelUnits(string field) => IsSquare ? field : writer.Mul(field, _sampling.PerAxis(grid.HalfWidth, grid.HalfHeight));

    /// <summary>Mean |grad v|^2 on a lattice (N, 2, h, w), (N).</summary>
    public string Smoothness(string lattice, int height, int width)
    {
        var (spacingX, spacingY) = grid.LatticeSpacing(height, width);
        string Along(int axis, int size, double spacing)
        {
            var difference = Difference(lattice, axis, size);
            var count = (double)height * width / size * (size - 1);
            return writer.Mul(writer.Reduce("ReduceSum", writer.Mul(difference, difference), false, 1, 2, 3),
                1 / (count * spacing * spacing));
        }

        return writer.Add(Along(3, width, spacingX), Along(2, height, spacingY));
    }

    /// <summary>Differences of neighbours of a field (N, 2, H, W) in the library's unit.</summary>
    public (string AlongX, string AlongY) Differences(string field) =>
        (Difference(field, 3, grid.Width), Difference(field, 2, grid.Height));

    /// <summary>Largest difference of neighbours in pixels over all fields of the batch, a scalar as (1):
    /// below a half, no map can fold.</summary>
    public string LargestDifference(string alongX, string alongY)
    {
        string Largest(string difference) => writer.ReduceInStages("ReduceMax", writer.Op("Abs", [difference]), false, 3, 0, 1, 2);
        return writer.Reshape(writer.Mul(writer.Op("Max", [Largest(alongX), Largest(alongY)]), 1 / grid.PixelSize), 1);
    }

    /// <summary>Determinants at the four corners of every cell, (N, 4, H-1, W-1).</summary>
    public string Determinants(string alongX, string alongY)
    {
        var (xx, yx) = Components(writer.Mul(alongX, 1 / grid.PixelSize));
        var (xy, yy) = Components(writer.Mul(alongY, 1 / grid.PixelSize));
        (xx, yy) = (writer.Add(xx, 1), writer.Add(yy, 1));
        string Rows(string value, int first) => writer.Slice(value, 2, first, first + grid.Height - 1);
        string Columns(string value, int first) => writer.Slice(value, 3, first, first + grid.Width - 1);
        string Corner(int row, int column) => writer.Sub(
            writer.Mul(Rows(xx, row), Columns(yy, column)), writer.Mul(Rows(yx, row), Columns(xy, column)));
        return writer.Concat(1, Corner(0, 0), Corner(0, 1), Corner(1, 0), Corner(1, 1));
    }

    /// <summary>Mean relu(-det J), (N).</summary>
    public string Orientation(string determinants)
    {
        var folds = writer.Op("Relu", [writer.Op("Neg", [determinants])]);
        return writer.Mul(writer.Reduce("ReduceSum", folds, false, 1, 2, 3), 1.0 / (4 * (grid.Height - 1) * (grid.Width - 1)));
    }

    /// <summary>x and y of a field, with an axis of size 1 in place of the components'.</summary>
    public (string X, string Y) Components(string field)
    {
        var parts = writer.Split(field, 1, 1, 1);
        return (parts[0], parts[1]);
    }

    private string Difference(string field, int axis, int size) =>
        writer.Sub(writer.Slice(field, axis, 1, size), writer.Slice(field, axis, 0, size - 1));

    private string Matrix(double[,] weights, bool transposed)
    {
        var (rows, columns) = (weights.GetLength(0), weights.GetLength(1));
        var values = new float[rows * columns];
        for (var row = 0; row < rows; row++)
        {
            for (var column = 0; column < columns; column++)
                values[transposed ? (column * rows) + row : (row * columns) + column] = (float)weights[row, column];
        }

        return writer.Floats(transposed ? [columns, rows] : [rows, columns], values);
    }
}
