using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Composition;

/// <summary>Composes the graphs that make maps of velocities, without gradients.</summary>
/// <param name="grid">The image's grid.</param>
/// <param name="channels">Channels of the image.</param>
/// <param name="padding">What the image is outside.</param>
/// <param name="onGpu">Whether a GPU runs them.</param>
internal sealed class MapComposer(SamplingGrid grid, int channels, WarpPadding padding, bool onGpu)
{
    public const string Displacement = "displacement";
    public const string Inverse = "inverse";
    public const string Canonical = "canonical";

    /// <summary>Output (N, 8): what <see cref="FieldDiagnostics"/> holds, in its order, then the penalty on folds.</summary>
    public const string Diagnostics = "diagnostics";

    /// <summary>A lattice of any size carried to the pixels linearly, and how fast the velocity is.</summary>
    public OnnxModel Linear(int height, int width)
    {
        var writer = new GraphWriter("linear");
        var lattice = writer.Input("lattice", "N", 2, height, width);
        var fields = new FieldOperators(writer, grid);
        var v = fields.Upsample(lattice, height, width, LatticeBasis.Linear);
        writer.Output(SearchComposer.Velocity, fields.Planar(v, 2), "N", 2, grid.Height, grid.Width);
        writer.Output(SearchComposer.Speed, fields.FastestSpeed(v), "N", 1, 1);
        return writer.Model;
    }

    /// <summary>The image that exp(v) leads to.</summary>
    public OnnxModel Warp(int squarings, int optional)
    {
        var writer = new GraphWriter("warp");
        var (fields, v, image, turns) = Inputs(writer, optional);
        var u = fields.ExpInKernelUnits(v, SearchComposer.Scale, squarings, turns);
        Output(fields, Canonical, Warped(fields, image, channels, u, padding), channels);
        return writer.Model;
    }

    /// <summary>exp(v), exp(-v), the image that exp(v) leads to, and how regular and exact the maps are.</summary>
    public OnnxModel Maps(int squarings, int optional)
    {
        var writer = new GraphWriter("maps");
        var (fields, v, image, turns) = Inputs(writer, optional);
        // Both directions in one call.
        string Twice(string value) => writer.Concat(0, value, value);
        var both = fields.ExpInKernelUnits(
            writer.Concat(0, v, writer.Op("Neg", [v])), Twice(SearchComposer.Scale), squarings, [.. turns.Select(Twice)]);
        var pixels = grid.Height * grid.Width;
        var parts = writer.Split(writer.Reshape(both, 2, -1, 2, pixels), 0, 1, 1);
        var (u, inverse) = (writer.Reshape(parts[0], -1, 2, pixels), writer.Reshape(parts[1], -1, 2, pixels));
        Output(fields, Displacement, fields.FromKernelUnits(u), 2);
        Output(fields, Inverse, fields.FromKernelUnits(inverse), 2);
        Output(fields, Canonical, Warped(fields, image, channels, u, padding), channels);
        string Column(string value) => writer.Reshape(value, -1, 1);
        var measures = new MapMeasures(fields, grid);
        var (forward, backward) = (measures.Corners(u), measures.Corners(inverse));
        var (residuals, counted) = measures.Residuals(u, inverse);
        writer.Output(
            Diagnostics,
            writer.Concat(
                1, Column(measures.Least(forward)), Column(measures.Most(forward)), Column(measures.Folded(forward)),
                Column(measures.Largest(residuals)), Column(measures.Mean(residuals, counted)),
                Column(measures.Least(backward)), Column(measures.Folded(backward)),
                Column(fields.Orientation(forward))),
            "N", 8);
        return writer.Model;
    }

    /// <summary>The image at p + u(p), (N, C, H, W).</summary>
    public static string Warped(FieldOperators fields, string image, int channels, string u, WarpPadding padding)
    {
        return fields.Planar(fields.Sampling.Sample(fields.Flat(image, channels), channels, u, padding), channels);
    }

    private (FieldOperators Fields, string Velocity, string Image, string[] Turns) Inputs(GraphWriter writer, int optional)
    {
        var velocity = writer.Input(SearchComposer.Velocity, "N", 2, grid.Height, grid.Width);
        var image = writer.Input(SearchComposer.Image, "N", channels, grid.Height, grid.Width);
        writer.Input(SearchComposer.Scale, "N", 1, 1);
        writer.Input(SearchComposer.Alive, OnnxElementType.Bool, "N", 1, 1);
        string[] turns =
            [.. Enumerable.Range(0, optional).Select(k => writer.Input(SearchComposer.Turn(k), OnnxElementType.Bool, "N", 1, 1))];
        var fields = new FieldOperators(writer, grid, onGpu ? SamplingForm.Kernel : SamplingForm.Gathers);
        return (fields, writer.Op("Where", [SearchComposer.Alive, fields.Flat(velocity, 2), writer.Scalar(0)]), image, turns);
    }

    private void Output(FieldOperators fields, string name, string value, int channels)
    {
        var planar = value;
        if (name != Canonical)
            planar = fields.Planar(value, channels);
        fields.Writer.Output(name, planar, "N", channels, grid.Height, grid.Width);
    }
}
