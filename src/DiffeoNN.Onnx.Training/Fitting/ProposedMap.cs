using DiffeoNN.Onnx.Composition;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Training.Fitting;

/// <summary>Writes the map of a proposal, exponentiated on the proposal's own lattice.</summary>
internal sealed class ProposedMap
{
    // Displacements rounded to this share of half an axis have no gradient, and are the same to a hundred-thousandth of a pixel.
    private const double Steps = 1 << 20;

    private readonly GraphWriter _writer;
    private readonly SamplingForm _form;
    private readonly SamplingGrid _image;
    private readonly (int Height, int Width) _lattice;
    private readonly string _velocity;
    private readonly int _squarings;
    private readonly string _displacement;
    private readonly Dictionary<SamplingGrid, FieldOperators> _grids = [];
    private string? _inverse;

    /// <param name="writer">The graph.</param>
    /// <param name="image">The image's grid, whose unit the velocity has.</param>
    /// <param name="lattice">Nodes of the velocity.</param>
    /// <param name="velocity">(N, 2, h, w).</param>
    /// <param name="squarings">Of the exponential.</param>
    /// <param name="form">How sampling is written.</param>
    public ProposedMap(
        GraphWriter writer, SamplingGrid image, (int Height, int Width) lattice, string velocity, int squarings, SamplingForm form)
    {
        (_writer, _image, _lattice, _velocity, _form) = (writer, image, lattice, velocity, form);
        _squarings = squarings;
        _displacement = Exponential(velocity);
    }

    /// <summary>Mean over nodes and items of the squared distance to a displacement in kernel units (N, 2, h, w), in the library's
    /// unit.</summary>
    public string SquaredDistance(string displacement)
    {
        var fields = On(new SamplingGrid(_lattice.Height, _lattice.Width));
        var difference = _writer.Mul(_writer.Sub(_displacement, fields.Flat(displacement, 2)), HalfExtents(fields));
        var mean = _writer.Op("ReduceMean", [_writer.Mul(difference, difference)], OnnxAttribute.Of("keepdims", 0L));
        return _writer.Mul(mean, 2);
    }

    /// <summary>Mean |grad v|^2, (N).</summary>
    public string Smoothness() => On(_image).Smoothness(_velocity, _lattice.Height, _lattice.Width);

    /// <summary>A picture (N, C, H, W) of any size through the map.</summary>
    /// <param name="picture">The picture.</param>
    /// <param name="channels">C.</param>
    /// <param name="grid">H and W.</param>
    /// <param name="padding">What lies outside.</param>
    public string Warp(string picture, int channels, SamplingGrid grid, WarpPadding padding)
    {
        var fields = On(grid);
        var u = fields.Upsample(Nodes(_displacement), _lattice.Height, _lattice.Width, LatticeBasis.Linear);
        return Sampled(fields, picture, channels, u, padding);
    }

    /// <summary>Planes of an answer through the map, zeros lying outside.</summary>
    /// <param name="planes">(N, K, h, w).</param>
    /// <param name="channels">K.</param>
    /// <param name="grid">h and w.</param>
    /// <param name="centres">Where their pixels lie.</param>
    public string WarpPlanes(string planes, int channels, SamplingGrid grid, PlaneCentres centres)
    {
        var (w, fields) = (_writer, On(grid));
        string u;
        if (centres.AreThose)
        {
            u = fields.Upsample(Nodes(_displacement), _lattice.Height, _lattice.Width, LatticeBasis.Linear);
        }
        else
        {
            var rows = w.Floats([grid.Height, _lattice.Height], centres.Rows(_lattice.Height));
            var columns = w.Floats([_lattice.Width, grid.Width], centres.Columns(_lattice.Width));
            u = w.Op("MatMul", [w.Op("MatMul", [rows, Nodes(_displacement)]), columns]);
            u = w.Mul(fields.Flat(u, 2), fields.Sampling.PerAxis(centres.ScaleX, centres.ScaleY));
        }

        return Sampled(fields, planes, channels, u, WarpPadding.Zeros);
    }

    /// <summary>Where what lies at places of the image comes to lie in the image through the map: the inverse map at places.</summary>
    /// <param name="places">(N, P, 2), x first, in units that span [-1, 1] along each axis.</param>
    public string Back(string places)
    {
        var w = _writer;
        _inverse ??= Nodes(Exponential(w.Op("Neg", [_velocity])));
        var sampled = w.Op(
            "GridSample", [_inverse, w.Op("Unsqueeze", [places, w.Ints(2)])], OnnxAttribute.Of("align_corners", 1L),
            OnnxAttribute.Of("mode", w.Model.Opset < 20 ? "bilinear" : "linear"), OnnxAttribute.Of("padding_mode", "border"));
        var moved = w.Op("Transpose", [w.Op("Squeeze", [sampled, w.Ints(3)])], OnnxAttribute.Of("perm", [0L, 2, 1]));
        return w.Add(places, moved);
    }

    /// <summary>A value through which no gradient passes, rounded to a millionth.</summary>
    /// <param name="writer">The graph.</param>
    /// <param name="value">Displacements or velocities: far below 2048 in size.</param>
    public static string Constant(GraphWriter writer, string value)
    {
        var whole = writer.Op("Cast", [writer.Mul(value, Steps)], OnnxAttribute.Of("to", (long)OnnxElementType.Int32));
        return writer.Mul(writer.Op("Cast", [whole], OnnxAttribute.Of("to", (long)OnnxElementType.Float)), 1 / Steps);
    }

    private string Sampled(FieldOperators fields, string picture, int channels, string u, WarpPadding padding) =>
        fields.Planar(fields.Sampling.Sample(fields.Flat(picture, channels), channels, u, padding), channels);

    private string Nodes(string displacement) => _writer.Reshape(displacement, 0, 2, _lattice.Height, _lattice.Width);

    /// <summary>exp(v) in kernel units, (N, 2, hw).</summary>
    private string Exponential(string velocity)
    {
        // In kernel units the lattice's own ratio of sides, which is rounded, does not matter.
        var fields = On(new SamplingGrid(_lattice.Height, _lattice.Width));
        var u = _writer.Mul(_writer.Op("Div", [fields.Flat(velocity, 2), HalfExtents(fields)]), Math.ScaleB(1, -_squarings));
        for (var k = 0; k < _squarings; k++)
            u = _writer.Add(u, fields.Sampling.Sample(u, 2, u, WarpPadding.Border));
        return u;
    }

    private string HalfExtents(FieldOperators fields) => fields.Sampling.PerAxis(_image.HalfWidth, _image.HalfHeight);

    private FieldOperators On(SamplingGrid grid)
    {
        if (!_grids.TryGetValue(grid, out var fields))
            _grids[grid] = fields = new FieldOperators(_writer, grid, _form);
        return fields;
    }
}
