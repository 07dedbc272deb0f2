using DiffeoNN.Onnx.Fields;

namespace DiffeoNN.Onnx.Training.Architectures;

/// <summary>Predicts in one pass the velocity whose exponential undoes a deformation: <c>velocity</c> (N, 2, h, w), component 0 is x, in
/// the
/// library's unit, corners aligned.</summary>
/// <remarks>
/// Convolutions on the reduced image, which also see the coordinates; a dense head for the map as a whole and a local one for its details
/// add
/// up to the control points of a uniform cubic B-spline, which is evaluated on the finer lattice of the output, because the library
/// continues
/// a proposal linearly between its nodes. Before training the proposal is zero.
/// </remarks>
public sealed record ProposerArchitecture : Architecture
{
    /// <summary>Budget for images that are 64 pixels or more a side once reduced, where none is given.</summary>
    public const double DefaultMultiplyAdds = 2e7;

    private const int LongestReduced = 64;
    private const int LeastFeatures = 6;

    /// <summary>A network of the usual width.</summary>
    /// <param name="channels">Channels of the image, at least 1.</param>
    /// <param name="height">Rows of the image, at least <see cref="Architecture.LeastSide"/>.</param>
    /// <param name="width">Columns of the image, at least <see cref="Architecture.LeastSide"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is too small.</exception>
    public ProposerArchitecture(int channels, int height, int width) : base(channels, height, width)
    {
        Downsample = Math.Max(1, (Math.Max(height, width) + (LongestReduced / 2)) / LongestReduced);
        Output = Math.Min(32, Math.Max(height, width));
    }

    /// <summary>Sides are divided by this first.</summary>
    public int Downsample { get; init; }

    /// <summary>Channels of the levels; each but the last ones halves the size, as long as six pixels are left.</summary>
    public IReadOnlyList<int> Widths { get; init; } = [24, 48, 96];

    /// <summary>Control points along the longest side; the other has as many as keeps them square, at least four.</summary>
    public int Lattice { get; init; } = 8;

    /// <summary>Nodes of the output along the longest side.</summary>
    public int Output { get; init; }

    /// <summary>Channels that the dense head reads.</summary>
    public int Reduced { get; init; } = 32;

    /// <summary>Width of the dense head.</summary>
    public int Hidden { get; init; } = 256;

    /// <summary>The widest network that keeps to a budget.</summary>
    /// <param name="channels">Channels of the image.</param>
    /// <param name="height">Rows of the image.</param>
    /// <param name="width">Columns of the image.</param>
    /// <param name="multiplyAdds">Most multiplications for one image, fewer than <see cref="DefaultMultiplyAdds"/> for small images if
    /// null; the narrowest network may need more.</param>
    public static ProposerArchitecture For(int channels, int height, int width, double? multiplyAdds = null) =>
        Widest(multiplyAdds ?? Usual(new ProposerArchitecture(channels, height, width)),
            w => new ProposerArchitecture(channels, height, width) { Widths = [w, 2 * w, 4 * w] });

    /// <summary>In the same time a smaller network learns more of small images: 28x28 digits, four minutes on one core, gap closed 0.65
    /// with 7 million multiplications, 0.54 with 20 million.</summary>
    private static double Usual(ProposerArchitecture plain)
    {
        var pixels = (double)plain.Height * plain.Width / plain.Downsample / plain.Downsample;
        return DefaultMultiplyAdds * Math.Min(1, Math.Pow(pixels / LongestReduced / LongestReduced, 0.7));
    }

    private protected override LayerWriter Write(ulong? seed)
    {
        var w = new LayerWriter("proposer", seed);
        var reduced = w.Reduce(w.Image(Channels, Height, Width), Downsample);
        var h = w.Conv(reduced, "first", Widths[0], 5, Stride(reduced), hasBias: false);
        var position = w.Conv(Coordinates(w, reduced), "position", Widths[0], 5, Stride(reduced));
        h = w.Silu(w.Normalise(h with { Name = w.Graph.Add(h.Name, position.Name) }, "first.norm"));
        for (var level = 1; level < Widths.Count; level++)
        {
            foreach (var (part, stride) in new[] { ("a", Stride(h)), ("b", 1) })
            {
                h = w.Conv(h, $"body.{level}.{part}", Widths[level], 3, stride, hasBias: false);
                h = w.Silu(w.Normalise(h, $"body.{level}.{part}.norm"));
            }
        }

        var (rows, columns) = Sides(Lattice, 4);
        var few = w.Silu(w.Conv(h, "reduce", Reduced, 1));
        var hidden = w.Silu(w.Linear(w.Graph.Reshape(few.Name, 0, -1), "hidden", few.Size, Hidden));
        var dense = w.Graph.Reshape(w.Linear(hidden, "dense", Hidden, 2 * rows * columns, gain: 0), 0, 2, rows, columns);
        var local = w.Conv(h, "local", 2, 3, gain: 0);
        var carried = Product(w, CellWeights(h.Height, rows), local.Name, CellWeights(h.Width, columns));
        var (outputRows, outputColumns) = Sides(Output, 4);
        w.Graph.Output("velocity", Product(w, LatticeUpsampling.Weights(rows, outputRows, LatticeBasis.CubicBSpline),
            w.Graph.Add(dense, carried), LatticeUpsampling.Weights(columns, outputColumns, LatticeBasis.CubicBSpline)),
            "N", 2, outputRows, outputColumns);
        return w;
    }

    private static int Stride(Feature x) => Math.Min(x.Height, x.Width) >= 2 * LeastFeatures ? 2 : 1;

    private (int Rows, int Columns) Sides(int longest, int least)
    {
        var longestSide = Math.Max(Height, Width);
        int Side(int side) => Math.Max(least, 1 + (int)Math.Round((longest - 1.0) * (side - 1) / (longestSide - 1)));
        return (Side(Height), Side(Width));
    }

    private static Feature Coordinates(LayerWriter w, Feature image)
    {
        var grid = new SamplingGrid(image.Height, image.Width);
        var values = new float[2 * image.Height * image.Width];
        for (var row = 0; row < image.Height; row++)
        {
            for (var column = 0; column < image.Width; column++)
            {
                var i = (row * image.Width) + column;
                values[i] = (float)grid.X(column);
                values[(image.Height * image.Width) + i] = (float)grid.Y(row);
            }
        }

        return image with { Name = w.Graph.Floats([1, 2, image.Height, image.Width], values), Channels = 2 };
    }

    /// <summary>Weights (nodes, cells) of linear interpolation between cells' centres; the nodes' ends lie on the outer cells'
    /// edges.</summary>
    private static double[,] CellWeights(int cells, int nodes)
    {
        var weights = new double[nodes, cells];
        for (var node = 0; node < nodes; node++)
        {
            var position = Math.Clamp((node * (double)cells / (nodes - 1)) - 0.5, 0, cells - 1);
            for (var cell = 0; cell < cells; cell++)
                weights[node, cell] = Math.Max(0, 1 - Math.Abs(position - cell));
        }

        return weights;
    }

    private static string Product(LayerWriter w, double[,] rows, string value, double[,] columns)
    {
        string Matrix(double[,] m, bool isTransposed)
        {
            var (a, b) = (m.GetLength(0), m.GetLength(1));
            var values = new float[a * b];
            for (var i = 0; i < a; i++)
            {
                for (var j = 0; j < b; j++)
                    values[isTransposed ? (j * a) + i : (i * b) + j] = (float)m[i, j];
            }

            return w.Graph.Floats(isTransposed ? [b, a] : [a, b], values);
        }

        return w.Graph.Op("MatMul", [w.Graph.Op("MatMul", [Matrix(rows, false), value]), Matrix(columns, true)]);
    }
}
