using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Composition;

/// <summary>Composes the graphs of a search: one step with its gradient, Adam's update, and the velocity at every pixel.</summary>
/// <param name="energy">The energy without its gradient.</param>
/// <param name="parameters">What is turned.</param>
/// <param name="grid">The image's grid.</param>
/// <param name="channels">Channels of the image.</param>
/// <param name="basis">How the lattice is carried to the pixels.</param>
/// <param name="padding">What the image is outside.</param>
/// <param name="hasStart">Whether the search starts elsewhere than at the identity.</param>
/// <param name="target">What gradients are to be fast on.</param>
/// <param name="leastOpset">Least version of the operator set.</param>
internal sealed class SearchComposer(
    ComposedEnergy energy,
    FieldParameters parameters,
    SamplingGrid grid,
    int channels,
    LatticeBasis basis,
    WarpPadding padding,
    bool hasStart,
    GradientTarget target,
    int leastOpset = GraphWriter.LeastOpset)
{
    public const string Image = "image";
    public const string Start = "start";
    public const string Scale = "scale";
    public const string Alive = "alive";
    public const string SmoothnessWeight = "weight_smoothness";
    public const string OrientationWeight = "weight_orientation";
    public const string Rate = "rate";
    public const string Epsilon = "epsilon";

    /// <summary>Output (N, T + 3): energy, its terms, smoothness, orientation.</summary>
    public const string Table = "table";

    /// <summary>Output (1): largest difference of neighbours in the displacements, in pixels.</summary>
    public const string Difference = "difference";

    /// <summary>Output (N, 2, H, W): v at every pixel.</summary>
    public const string Velocity = "velocity";

    /// <summary>Output (N, 1, 1): the largest |v| in pixels, of the parameters after an update.</summary>
    public const string Speed = "speed";

    private const double Beta1 = 0.9;
    private const double Beta2 = 0.999;

    /// <summary>Name of the input that says which fields take the k-th of the squarings that not all take.</summary>
    public static string Turn(int k) => $"turn_{k}";

    /// <summary>Name of the first and of the second moment of a parameter, and of its gradient.</summary>
    public static string Mean(string parameter) => $"{parameter}_mean";

    public static string Square(string parameter) => $"{parameter}_square";

    public static string Gradient(string parameter) => $"{parameter}_grad";

    /// <summary>Name of what an update makes of an input.</summary>
    public static string Next(string name) => $"{name}_next";

    /// <summary>Energies of the images that parameters lead to, and the gradient of their totals by the parameters.</summary>
    /// <param name="squarings">All squarings, the most that a field of the batch takes.</param>
    /// <param name="optional">How many of them only some fields take.</param>
    /// <param name="folds">Whether the penalty on folds is computed; without, it is zero,
    /// which holds where <see cref="Difference"/> is below a half.</param>
    /// <param name="gradient">Whether the gradient is wanted.</param>
    public OnnxModel Step(int squarings, int optional, bool folds, bool gradient)
    {
        var (writer, source) = Begin("step");
        parameters.Declare(writer);
        var image = writer.Input(Image, "N", channels, grid.Height, grid.Width);
        if (hasStart)
            writer.Input(Start, "N", 2, grid.Height, grid.Width);
        writer.Input(Scale, "N", 1, 1);
        writer.Input(Alive, OnnxElementType.Bool, "N", 1, 1);
        string[] turns = [.. Enumerable.Range(0, optional).Select(k => writer.Input(Turn(k), OnnxElementType.Bool, "N", 1, 1))];
        foreach (var weight in new[] { SmoothnessWeight, OrientationWeight }.Concat(energy.WeightInputs.Select(input => input.Key)))
            writer.Input(weight, []);

        var fields = new FieldOperators(writer, grid);
        var lattice = parameters.Lattice(writer, parameters.Names);
        // Rows that diverged must not reach the indices of the gather.
        var v = writer.Op("Where", [Alive, VelocityOf(fields, lattice), writer.Scalar(0)]);
        var u = fields.ExpInKernelUnits(v, Scale, squarings, turns);
        var y = Warped(fields, image, u);
        var smoothness = fields.Smoothness(lattice, parameters.Height, parameters.Width);
        var (alongX, alongY) = fields.Differences(fields.Planar(fields.FromKernelUnits(u), 2));
        var outputs = writer.Graph.Append(source.Graph, "energy/", Wiring(y));
        var (value, terms) = (outputs[EnergyComposer.EnergyOutput], outputs[EnergyComposer.TermsOutput]);
        var orientation = folds ? fields.Orientation(fields.Determinants(alongX, alongY)) : writer.Op("Mul", [value, writer.Scalar(0)]);
        var total = writer.Add(value, writer.Mul(SmoothnessWeight, smoothness));
        if (folds)
            total = writer.Add(total, writer.Mul(OrientationWeight, orientation));
        string Column(string vector) => writer.Reshape(vector, -1, 1);
        writer.Output("total", total, "N");
        writer.Output(Table, writer.Concat(1, Column(value), terms, Column(smoothness), Column(orientation)), "N",
            energy.TermNames.Count + 3);
        writer.Output(Difference, fields.LargestDifference(alongX, alongY), 1);
        return gradient
            ? GradientCompiler.Compile(writer.Model,
                new GradientOptions { Inputs = [.. parameters.Names], Outputs = ["total"], Seed = GradientSeed.Ones, Target = target })
            : writer.Model;
    }

    /// <summary>Adam: m = 0.9 m + 0.1 g, s = 0.999 s + 0.001 g^2, p -= rate m / (sqrt(s) + epsilon),
    /// the corrections for the moments' start being in the two numbers;
    /// and how fast the velocity is that the new parameters give.</summary>
    public OnnxModel Update()
    {
        var (writer, _) = Begin("update");
        parameters.Declare(writer);
        var shapes = writer.Graph.Inputs.ToList();
        if (hasStart)
            writer.Input(Start, "N", 2, grid.Height, grid.Width);
        writer.Input(Rate, []);
        writer.Input(Epsilon, []);
        List<string> updated = [];
        foreach (var (name, shape) in shapes.Select(input => (input.Name, input.Shape!.ToArray())))
        {
            var (mean, square, gradient) =
                (writer.Input(Mean(name), shape), writer.Input(Square(name), shape), writer.Input(Gradient(name), shape));
            var nextMean = writer.Add(writer.Mul(mean, Beta1), writer.Mul(gradient, 1 - Beta1));
            var nextSquare = writer.Add(writer.Mul(square, Beta2), writer.Mul(writer.Mul(gradient, gradient), 1 - Beta2));
            var step = writer.Op("Div", [writer.Mul(nextMean, Rate), writer.Add(writer.Op("Sqrt", [nextSquare]), Epsilon)]);
            updated.Add(writer.Sub(name, step));
            writer.Output(Next(name), updated[^1], shape);
            writer.Output(Next(mean), nextMean, shape);
            writer.Output(Next(square), nextSquare, shape);
        }

        var fields = new FieldOperators(writer, grid);
        writer.Output(Speed, fields.FastestSpeed(VelocityOf(fields, parameters.Lattice(writer, updated))), "N", 1, 1);
        return writer.Model;
    }

    /// <summary>The lattice that parameters give.</summary>
    public OnnxModel LatticeOf()
    {
        var (writer, _) = Begin("lattice_of");
        parameters.Declare(writer);
        writer.Output("value", parameters.Lattice(writer, parameters.Names), "N", 2, parameters.Height, parameters.Width);
        return writer.Model;
    }

    /// <summary>v at every pixel from a lattice (and the start), and how fast it is.</summary>
    public OnnxModel FullVelocity()
    {
        var (writer, _) = Begin("velocity");
        var lattice = writer.Input("lattice", "N", 2, parameters.Height, parameters.Width);
        if (hasStart)
            writer.Input(Start, "N", 2, grid.Height, grid.Width);
        var fields = new FieldOperators(writer, grid);
        var v = VelocityOf(fields, lattice);
        writer.Output(Velocity, fields.Planar(v, 2), "N", 2, grid.Height, grid.Width);
        writer.Output(Speed, fields.FastestSpeed(v), "N", 1, 1);
        return writer.Model;
    }

    private (GraphWriter Writer, OnnxModel Energy) Begin(string name)
    {
        var source = energy.ValueModel;
        var opset = Math.Max(leastOpset, source.Opset);
        if (source.Opset < opset)
            source = OpsetConverter.Convert(source, opset);
        var writer = new GraphWriter(name, opset);
        writer.Model.IrVersion = Math.Max(writer.Model.IrVersion, source.IrVersion);
        writer.Model.Functions.AddRange(source.Functions);
        foreach (var (domain, version) in source.OpsetImports)
            writer.Model.OpsetImports.TryAdd(domain, version);
        return (writer, source);
    }

    private string VelocityOf(FieldOperators fields, string lattice)
    {
        var deviation = fields.Upsample(lattice, parameters.Height, parameters.Width, basis);
        return hasStart ? fields.Writer.Add(deviation, fields.Flat(Start, 2)) : deviation;
    }

    private string Warped(FieldOperators fields, string image, string u) => MapComposer.Warped(fields, image, channels, u, padding);

    private Dictionary<string, string> Wiring(string image)
    {
        var inputs = energy.WeightInputs.ToDictionary(input => input.Key, input => input.Key);
        inputs[EnergyComposer.Input] = image;
        return inputs;
    }
}
