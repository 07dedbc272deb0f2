using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Composition;

/// <summary>Writes how regular and exact maps are, as <see cref="FieldDiagnostics"/> measures it.</summary>
/// <param name="fields">The graph.</param>
/// <param name="grid">The image's grid.</param>
/// <remarks>Maps are (N, 2, P) in the resampling kernel's units; numbers of a map are (N).</remarks>
internal sealed class MapMeasures(FieldOperators fields, SamplingGrid grid)
{
    private readonly GraphWriter _writer = fields.Writer;

    /// <summary>Determinants at the four corners of every cell, (N, 4, H-1, W-1).</summary>
    public string Corners(string u)
    {
        var (alongX, alongY) = fields.Differences(fields.Planar(fields.FromKernelUnits(u), 2));
        return fields.Determinants(alongX, alongY);
    }

    /// <summary>The smallest determinant.</summary>
    public string Least(string corners) => _writer.ReduceInStages("ReduceMin", corners, false, 3, 1, 2);

    /// <summary>The largest determinant.</summary>
    public string Most(string corners) => _writer.ReduceInStages("ReduceMax", corners, false, 3, 1, 2);

    /// <summary>The part of the corners that fold.</summary>
    public string Folded(string corners)
    {
        var folded = Numbers(_writer.Op("LessOrEqual", [_writer.Reshape(corners, 0, -1), _writer.Scalar(0)]));
        return _writer.Reduce("ReduceMean", folded, false, 1);
    }

    /// <summary>How far from a pixel the map leads that its inverse was taken to, (N, 1, P) in pixels, zero where the inverse leaves the
    /// image; and which pixels count.</summary>
    public (string Residuals, string Counted) Residuals(string u, string inverse)
    {
        var left = _writer.Mul(
            fields.FromKernelUnits(_writer.Add(inverse, fields.Sampling.Sample(u, 2, inverse, WarpPadding.Border))), 1 / grid.PixelSize);
        var (x, y) = fields.Components(left);
        var residual = _writer.Op("Sqrt", [_writer.Add(_writer.Mul(x, x), _writer.Mul(y, y))]);
        // The tolerance keeps border points of an identity map, whose positions carry rounding errors.
        var (furthestX, furthestY) = fields.Components(_writer.Op("Abs", [fields.Sampling.Positions(inverse)]));
        var furthest = _writer.Op("Max", [furthestX, furthestY]);
        var inside = Numbers(_writer.Op("LessOrEqual", [furthest, _writer.Scalar(1 + 1e-6)]));
        var none = _writer.Op("LessOrEqual", [_writer.ReduceInStages("ReduceMax", Rows(inside), true, 2, 1), _writer.Scalar(0)]);
        var counted = _writer.Op("Where", [none, _writer.Scalar(1), inside]);
        return (_writer.Mul(residual, counted), counted);
    }

    /// <summary>The largest residual.</summary>
    public string Largest(string residuals) => _writer.ReduceInStages("ReduceMax", Rows(residuals), false, 2, 1);

    /// <summary>The mean of the residuals that count.</summary>
    public string Mean(string residuals, string counted) => _writer.Op(
        "Div", [_writer.Reduce("ReduceSum", residuals, false, 1, 2), _writer.Reduce("ReduceSum", counted, false, 1, 2)]);

    private string Rows(string value) => _writer.Reshape(value, 0, grid.Height, grid.Width);

    private string Numbers(string truths) => _writer.Op("Cast", [truths], OnnxAttribute.Of("to", (long)OnnxElementType.Float));
}
