using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;
using TorchSharp;

namespace DiffeoNN.Onnx.Composition;

/// <summary>Writes bilinear sampling at the pixels' positions plus a displacement, corners aligned.</summary>
/// <remarks>
/// As gathers of the four neighbours: these and their weights are needed once more by the gradient, and are shared this way,
/// which GridSample does not allow; on the CPU that is faster without gradient too.
/// Positions are rounded as libtorch's kernel rounds them, so that both take the same cell where a position falls on a pixel. Where no
/// gradient is wanted and a GPU runs it, GridSample is one launch in place of twenty.
/// </remarks>
internal sealed class SamplingOperators
{
    private readonly GraphWriter _writer;
    private readonly SamplingGrid _grid;
    private readonly string _positions;
    private readonly string _scale;
    private readonly SamplingForm _form;
    private readonly Dictionary<(int Channels, int Margin), string> _neighbours = [];

    /// <param name="writer">The graph.</param>
    /// <param name="grid">Grid of images and fields.</param>
    /// <param name="form">How sampling is written.</param>
    /// <param name="positions">A value with the pixels' positions; null for a constant of its own.</param>
    public SamplingOperators(GraphWriter writer, SamplingGrid grid, SamplingForm form, string? positions = null)
    {
        (_writer, _grid, _form) = (writer, grid, form);
        _positions = positions ?? writer.Floats([1, 2, Pixels], PositionsOf(grid));
        _scale = PerAxis((grid.Width - 1) / 2f, (grid.Height - 1) / 2f);
    }

    private int Pixels => _grid.Height * _grid.Width;

    /// <summary>Writes the positions of all pixels, (1, 2, P), as those of a row and of a column: a fraction of the room.</summary>
    public static string WritePositions(GraphWriter writer, SamplingGrid grid)
    {
        var positions = PositionsOf(grid);
        var (height, width) = (grid.Height, grid.Width);
        string Plane(long[] shape, float[] values) => writer.Op("Expand", [writer.Floats(shape, values), writer.Ints(1, 1, height, width)]);
        var x = Plane([1, 1, 1, width], positions[..width]);
        var y = Plane([1, 1, height, 1], [.. Enumerable.Range(0, height).Select(row => positions[(height + row) * width])]);
        return writer.Reshape(writer.Concat(1, x, y), 1, 2, height * width);
    }

    /// <summary>A constant for each of x and y, shaped to go with (N, 2, P); a scalar where both are the same.</summary>
    public string PerAxis(double x, double y) => x == y ? _writer.Scalar(x) : _writer.Floats([1, 2, 1], [(float)x, (float)y]);

    /// <summary>Kernel positions of all pixels plus a displacement, (N, 2, P), in the resampling kernel's units.</summary>
    public string Positions(string displacement) => _writer.Add(_positions, displacement);

    /// <summary>Values of an image at p + u(p) for all pixels p.</summary>
    /// <param name="image">(N, C, P).</param>
    /// <param name="channels">C.</param>
    /// <param name="displacement">u, (N, 2, P), in the resampling kernel's units.</param>
    /// <param name="padding">What lies outside: zeros, or the outermost pixels for ever.</param>
    /// <returns>(N, C, P).</returns>
    public string Sample(string image, int channels, string displacement, WarpPadding padding)
    {
        var (w, g) = (_writer, _grid);
        // A border of zeros, one pixel wide, is all that lies outside.
        var margin = padding == WarpPadding.Zeros ? 1 : 0;
        if (_form == SamplingForm.Kernel)
            return SampleByKernel(image, channels, displacement, padding);
        if (_form == SamplingForm.Operator)
            return SampleOperator.Write(w, [image, displacement, _positions], g.Height, g.Width, margin);
        if (margin > 0)
            image = w.Reshape(w.Op("Pad", [Planar(image, channels), w.Ints(0, 0, 1, 1, 0, 0, 1, 1)]), 0, channels,
                (g.Height + 2) * (g.Width + 2));
        var place = w.Mul(w.Add(Positions(displacement), 1), _scale);
        // Where the outermost pixels go on for ever, a position on them does not change the value: libtorch's derivative there is zero.
        // A hair further in, the gradient of the clamp says the same.
        var inside = margin > 0
            ? Clamp(place, -margin, g.Width - 1 + margin, g.Height - 1 + margin)
            : Clamp(place, 1e-30, MathF.BitDecrement(g.Width - 1), MathF.BitDecrement(g.Height - 1));
        // The cell before the last position, so that its right neighbour is there too.
        var cell = w.Op("Min", [w.Op("Floor", [inside]), PerAxis(g.Width - 2 + margin, g.Height - 2 + margin)]);
        var part = w.Reshape(w.Sub(inside, cell), 0, 2, 1, -1);
        var values = w.Reshape(w.Op("GatherElements", [image, Indices(cell, channels, margin)], OnnxAttribute.Of("axis", 2)), 0,
            channels, 4, -1);
        var (partX, partY) = Two(w.Split(part, 1, 1, 1));
        var (left, right) = Two(w.Split(values, 2, 2, 2));
        var (top, bottom) = Two(w.Split(Between(left, right, partX), 2, 1, 1));
        return w.Reshape(Between(top, bottom, partY), 0, channels, -1);
    }

    private string SampleByKernel(string image, int channels, string displacement, WarpPadding padding)
    {
        var places = _writer.Op("Transpose", [Planar(Positions(displacement), 2)], OnnxAttribute.Of("perm", [0L, 2, 3, 1]));
        var sampled = _writer.Op(
            "GridSample", [Planar(image, channels), places], OnnxAttribute.Of("align_corners", 1L),
            OnnxAttribute.Of("mode", _writer.Model.Opset < 20 ? "bilinear" : "linear"),
            OnnxAttribute.Of("padding_mode", padding == WarpPadding.Zeros ? "zeros" : "border"));
        return _writer.Reshape(sampled, 0, channels, -1);
    }

    private string Planar(string value, int channels) => _writer.Reshape(value, 0, channels, _grid.Height, _grid.Width);

    private string Between(string from, string to, string part) => _writer.Add(from, _writer.Mul(part, _writer.Sub(to, from)));

    private string Clamp(string value, double low, double highX, double highY) => highX == highY
        ? _writer.Op("Clip", [value, _writer.Scalar(low), _writer.Scalar(highX)])
        : _writer.Op("Min", [_writer.Op("Max", [value, _writer.Scalar(low)]), PerAxis(highX, highY)]);

    /// <summary>Flat indices of the four pixels of each cell, (N, C, 4P): upper left, lower left, upper right, lower right.</summary>
    private string Indices(string cell, int channels, int margin)
    {
        var w = _writer;
        var (x, y) = Two(w.Split(cell, 1, 1, 1));
        var width = _grid.Width + (2 * margin);
        var first = w.Op("Cast", [w.Add(w.Mul(y, width), x)], OnnxAttribute.Of("to", (long)OnnxElementType.Int32));
        if (!_neighbours.TryGetValue((channels, margin), out var steps))
        {
            var start = margin * (width + 1);
            int[] one = [start, start + width, start + 1, start + width + 1];
            int[] all = [.. Enumerable.Repeat(one, channels).SelectMany(steps => steps)];
            _neighbours[(channels, margin)] = steps = w.Int32s([1, all.Length, 1], all);
        }

        return w.Reshape(w.Add(first, steps), 0, channels, -1);
    }

    private static float[] PositionsOf(SamplingGrid grid)
    {
        using var like = torch.zeros(1);
        using var positions = grid.KernelPositions(like);
        return positions.data<float>().ToArray();
    }

    private static (string First, string Second) Two(string[] values) => (values[0], values[1]);
}
