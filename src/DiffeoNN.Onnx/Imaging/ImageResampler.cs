namespace DiffeoNN.Onnx.Imaging;

/// <summary>Changes the size of images: bilinear, antialiased where they shrink.</summary>
/// <remarks>
/// Corners are aligned as everywhere in the library: the first and last pixel of a row stay where they are, and pixel i of T lies at
/// i (S - 1) / (T - 1) of S. Where an axis shrinks by a factor r, the kernel is a triangle of half-width r, narrower towards the border so
/// that it never reaches past it, with weights corrected to reproduce linear ramps.
/// Constants and ramps are therefore exact in both directions.
/// </remarks>
public static class ImageResampler
{
    /// <summary>Resizes all channels.</summary>
    /// <param name="image">Left untouched.</param>
    /// <param name="height">Rows wanted, at least 1.</param>
    /// <param name="width">Columns wanted, at least 1.</param>
    /// <returns>A new image, also where the size stays.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1.</exception>
    public static ImageBuffer Resize(ImageBuffer image, int height, int width)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        if (height == image.Height && width == image.Width) return image.Clone();
        var result = new ImageBuffer(image.Channels, height, width);
        var resampler = new RowResampler(image.Height, image.Width, height, width);
        for (var c = 0; c < image.Channels; c++)
        {
            ReadOnlySpan<float> plane = image.Plane(c);
            for (var row = 0; row < image.Height; row++) resampler.Add(plane.Slice(row * image.Width, image.Width));
            resampler.Finish(result.Plane(c));
        }

        return result;
    }

    /// <summary>As <see cref="Resize(ImageBuffer, int, int)"/>, but the image itself where the size stays: for readers.</summary>
    internal static ImageBuffer Fitted(ImageBuffer image, int height, int width) =>
        height == image.Height && width == image.Width ? image : Resize(image, height, width);

    /// <summary>Resizes an image that comes some rows at a time, to the same bits.</summary>
    /// <param name="tiles">Rows from the top, all of the same width and channels.</param>
    /// <param name="sourceHeight">Rows in all.</param>
    /// <param name="height">Rows wanted, at least 1.</param>
    /// <param name="width">Columns wanted, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1.</exception>
    /// <exception cref="ArgumentException">There are no tiles.</exception>
    /// <exception cref="InvalidOperationException">There are other rows in all than <paramref name="sourceHeight"/>.</exception>
    public static ImageBuffer Resize(IEnumerable<ImageBuffer> tiles, int sourceHeight, int height, int width)
    {
        ArgumentNullException.ThrowIfNull(tiles);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        RowResampler[] planes = [];
        foreach (var tile in tiles)
        {
            if (planes.Length == 0)
                planes = [.. Enumerable.Range(0, tile.Channels).Select(_ => new RowResampler(sourceHeight, tile.Width, height, width))];
            for (var c = 0; c < planes.Length; c++)
                for (var row = 0; row < tile.Height; row++) planes[c].Add(tile.Plane(c).Slice(row * tile.Width, tile.Width));
        }

        if (planes.Length == 0) throw new ArgumentException("There are no rows.", nameof(tiles));
        var result = new ImageBuffer(planes.Length, height, width);
        for (var c = 0; c < planes.Length; c++) planes[c].Finish(result.Plane(c));
        return result;
    }

    /// <summary>The weights of one axis as a matrix, row by row: (target, source), or transposed.</summary>
    internal static float[] Matrix(int source, int target, bool transposed)
    {
        var matrix = new float[source * target];
        var taps = Taps(source, target);
        for (var i = 0; i < target; i++)
        {
            for (var k = 0; k < taps[i].Weights.Length; k++)
            {
                var from = taps[i].First + k;
                matrix[transposed ? (from * target) + i : (i * source) + from] = (float)taps[i].Weights[k];
            }
        }

        return matrix;
    }

    /// <summary>First source pixel and weights of every target pixel along one axis.</summary>
    internal static (int First, double[] Weights)[] Taps(int source, int target)
    {
        var taps = new (int First, double[] Weights)[target];
        var scale = target == 1 ? source - 1 : (source - 1) / (target - 1.0);
        for (var i = 0; i < target; i++)
        {
            // A single pixel stands for the whole axis.
            var centre = target == 1 ? (source - 1) / 2.0 : i * scale;
            var radius = Math.Max(1, Math.Min(scale, Math.Min(centre, source - 1 - centre)));
            int first = Math.Max(0, (int)Math.Floor(centre - radius) + 1),
                last = Math.Min(source - 1, (int)Math.Ceiling(centre + radius) - 1);
            var weights = new double[last - first + 1];
            double sum = 0, moment = 0, inertia = 0;
            for (var k = 0; k < weights.Length; k++)
            {
                var distance = first + k - centre;
                weights[k] = 1 - (Math.Abs(distance) / radius);
                sum += weights[k];
                moment += weights[k] * distance;
                inertia += weights[k] * distance * distance;
            }

            // weights * (a + b * distance) with sum 1 and first moment 0.
            var determinant = (sum * inertia) - (moment * moment);
            double a = determinant > 1e-12 ? inertia / determinant : 1 / sum, b = determinant > 1e-12 ? -moment / determinant : 0;
            for (var k = 0; k < weights.Length; k++) weights[k] *= a + (b * (first + k - centre));
            taps[i] = (first, weights);
        }

        return taps;
    }
}
