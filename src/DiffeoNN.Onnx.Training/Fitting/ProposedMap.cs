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
    private readonly SamplingGrid _image;
    private readonly (int Height, int Width) _lattice;
    private readonly string _velocity;
    private readonly string _displacement;
    private readonly Dictionary<SamplingGrid, FieldOperators> _grids = [];

    /// <param name="writer">The graph.</param>
    /// <param name="image">The image's grid, whose unit the velocity has.</param>
    /// <param name="lattice">Nodes of the velocity.</param>
    /// <param name="velocity">(N, 2, h, w).</param>
    /// <param name="squarings">Of the exponential.</param>
    public ProposedMap(GraphWriter writer, SamplingGrid image, (int Height, int Width) lattice, string velocity, int squarings)
    {
        (_writer, _image, _lattice, _velocity) = (writer, image, lattice, velocity);
        // In kernel units the lattice's own ratio of sides, which is rounded, does not matter.
        var fields = On(new SamplingGrid(lattice.Height, lattice.Width));
        var u = writer.Mul(writer.Op("Div", [fields.Flat(velocity, 2), HalfExtents(fields)]), Math.ScaleB(1, -squarings));
        for (var k = 0; k < squarings; k++)
            u = writer.Add(u, fields.Sampling.Sample(u, 2, u, WarpPadding.Border));
        _displacement = u;
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
    /// <param name="isConstant">Whether no gradient goes through the map.</param>
    public string Warp(string picture, int channels, SamplingGrid grid, WarpPadding padding, bool isConstant = false)
    {
        var fields = On(grid);
        var nodes = _writer.Reshape(_displacement, 0, 2, _lattice.Height, _lattice.Width);
        var u = fields.Upsample(nodes, _lattice.Height, _lattice.Width, LatticeBasis.Linear);
        if (isConstant)
        {
            var whole = _writer.Op("Cast", [_writer.Mul(u, Steps)], OnnxAttribute.Of("to", (long)OnnxElementType.Int32));
            u = _writer.Mul(_writer.Op("Cast", [whole], OnnxAttribute.Of("to", (long)OnnxElementType.Float)), 1 / Steps);
        }

        return fields.Planar(fields.Sampling.Sample(fields.Flat(picture, channels), channels, u, padding), channels);
    }

    private string HalfExtents(FieldOperators fields) => fields.Sampling.PerAxis(_image.HalfWidth, _image.HalfHeight);

    private FieldOperators On(SamplingGrid grid)
    {
        if (!_grids.TryGetValue(grid, out var fields))
            _grids[grid] = fields = new FieldOperators(_writer, grid);
        return fields;
    }
}
