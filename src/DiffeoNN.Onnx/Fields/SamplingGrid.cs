namespace DiffeoNN.Onnx.Fields;

/// <summary>
/// Size, units and corner convention of a lattice of pixels. The one place where the library's unit is defined and converted: corners are
/// aligned, the longest side spans [-1, 1], the shorter one is centred and in the same unit, components are ordered (x, y).
/// </summary>
/// <remarks>Displacements and velocities use this unit, so a regulariser's weight does not depend on the resolution.</remarks>
public readonly partial record struct SamplingGrid
{
    /// <summary>Creates the grid of an image.</summary>
    /// <param name="height">Rows, at least 2.</param>
    /// <param name="width">Columns, at least 2.</param>
    /// <exception cref="ArgumentOutOfRangeException">A side has fewer than two pixels.</exception>
    public SamplingGrid(int height, int width)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 2);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 2);
        Height = height;
        Width = width;
    }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>Columns.</summary>
    public int Width { get; }

    /// <summary>Pixels along the longest side.</summary>
    public int LongestSide => Math.Max(Height, Width);

    /// <summary>Distance of two neighbouring pixels in the library's unit: 2 / (longest side - 1).</summary>
    public double PixelSize => 2.0 / (LongestSide - 1);

    /// <summary>Half the extent along x in the library's unit: 1 for a wide or square image.</summary>
    public double HalfWidth => (Width - 1) / (double)(LongestSide - 1);

    /// <summary>Half the extent along y in the library's unit: 1 for a tall or square image.</summary>
    public double HalfHeight => (Height - 1) / (double)(LongestSide - 1);

    /// <summary>x of a (fractional) column, in [-HalfWidth, HalfWidth] inside the image.</summary>
    public double X(double column) => (column * PixelSize) - HalfWidth;

    /// <summary>y of a (fractional) row, in [-HalfHeight, HalfHeight] inside the image.</summary>
    public double Y(double row) => (row * PixelSize) - HalfHeight;

    /// <summary>Fractional column of an x.</summary>
    public double Column(double x) => (x + HalfWidth) / PixelSize;

    /// <summary>Fractional row of a y.</summary>
    public double Row(double y) => (y + HalfHeight) / PixelSize;
}
