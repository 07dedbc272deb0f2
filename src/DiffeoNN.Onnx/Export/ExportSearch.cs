using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Composition;
using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Export;

/// <summary>Writes the search as a loop: a round judges an iterate, keeps it where it is the best, and moves on by Adam; each row stops by
/// itself, and the loop when all have.</summary>
/// <param name="writer">The graph.</param>
/// <param name="fields">Its fields.</param>
/// <param name="grid">The image's grid.</param>
/// <param name="channels">Channels of the image.</param>
/// <param name="options">How it searches.</param>
/// <param name="networks">The energy.</param>
internal sealed class ExportSearch(
    GraphWriter writer, FieldOperators fields, SamplingGrid grid, int channels, SearchSpec options, ExportNetworks networks)
{
    private const double Beta1 = 0.9;
    private const double Beta2 = 0.999;
    private const double Epsilon = 1e-8;

    /// <summary>Squarings beyond the least number that a search's step can take: enough for four times the longest side.</summary>
    private int MostExtra => Math.Max(
        0, ScalingAndSquaring.Squarings(4.0 * grid.LongestSide, options.Squarings) - options.Squarings);

    /// <summary>Writes it.</summary>
    /// <param name="images">(R, C, H, W).</param>
    /// <param name="start">Where it starts, (R, 2, P); null for the identity.</param>
    /// <returns>The best velocity of each row, (R, 2, P).</returns>
    public string Write(string images, string? start)
    {
        var (height, width) = CanonicalisationRun.LatticeSize(options, grid);
        var parameters = new FieldParameters(options.Field, height, width, grid, options.Seed);
        var composer = new SearchComposer(
            networks.Composed, parameters, grid, channels, options.Basis, options.Padding, start is not null, GradientTarget.Cpu,
            networks.Opset);
        var rows = writer.Count(images);
        var initial = Initial(parameters, rows);
        string[] zeros = [.. initial.Select(value => writer.Mul(value, writer.Scalar(0)))];
        var lattice = Zeros(rows, 2, height, width);
        if (options.Steps == 0)
            return Velocity(composer, lattice, start);
        var speed = start is null ? Zeros(rows, 1, 1) : fields.FastestSpeed(start);
        var names = parameters.Names;
        var (step, update) = (
            new ExportNetwork(composer.Step(options.Squarings + MostExtra, MostExtra, true, true), SearchComposer.Image)
                .At(networks.Opset),
            composer.Update());
        // The start counts as an iterate even if its energy is not finite: there is nothing else to return then.
        var infinite = writer.Add(Zeros(rows), writer.Scalar(float.PositiveInfinity));
        var history = writer.Op("Expand", [writer.Scalar(float.PositiveInfinity), writer.Concat(0, rows, writer.Ints(History))]);
        GraphLoops.Carried[] carried =
        [
            .. initial.Concat(zeros).Concat(zeros)
                .Select(value => new GraphLoops.Carried(value, OnnxElementType.Float, RankOf(parameters))),
            new(speed, OnnxElementType.Float, 3), new(lattice, OnnxElementType.Float, 4), new(infinite, OnnxElementType.Float, 1),
            new(history, OnnxElementType.Float, 2), new(writer.To(Zeros(rows), OnnxElementType.Bool), OnnxElementType.Bool, 1),
        ];
        var results = writer.Loop("steps", writer.Whole(options.Steps + 1), null, carried, (round, values) =>
        {
            var count = names.Count;
            var (own, means, squares) = (values[..count], values[count..(2 * count)], values[(2 * count)..(3 * count)]);
            var (pace, best, least, past, stopped) = (
                values[^5], values[^4], values[^3], values[^2], values[^1]);
            var stepped = step.Append(writer, "step", images, Inputs(names, own, start, pace));
            var alive = IsAlive(pace);
            var total = writer.Op(
                "Where", [writer.Reshape(alive, -1), stepped["total"], writer.Scalar(float.NaN)]);
            var (better, next, nextLeast, nextPast, nextStopped) = Judged(round, total, least, past, stopped);
            var current = parameters.Lattice(writer, own);
            var kept = writer.Op("Where", [writer.Reshape(better, -1, 1, 1, 1), current, best]);
            var moved = Moved(update, names, own, means, squares, stepped, start, round);
            return (next, [.. moved, kept, nextLeast, nextPast, nextStopped]);
        });
        return Velocity(composer, results[^4], start);
    }

    // Faster rows count as diverged: their first step would exceed half a pixel.
    private string IsAlive(string pace) => writer.Op("Less", [pace, writer.Scalar(Math.Min(
        1e6, Math.ScaleB(ScalingAndSquaring.LargestStep, options.Squarings + MostExtra)))]);

    private int History => options.Patience + 1;

    private static int RankOf(FieldParameters parameters) => parameters.Names.Count > 1 ? 3 : 4;

    /// <summary>Whether the iterate is each row's best, whether another round begins, and what is known then.</summary>
    private (string Better, string Goes, string Least, string Past, string Stopped) Judged(
        string round, string total, string least, string past, string stopped)
    {
        var isFirst = writer.Op("Equal", [round, writer.Whole(0)]);
        var goesOn = writer.Not(stopped);
        var better = writer.And(goesOn, writer.Op("Or", [isFirst, writer.Op("Less", [total, least])]));
        var nextLeast = writer.Op("Where", [better, total, least]);
        var ends = writer.Not(writer.Op("LessOrEqual", [writer.Op("Abs", [total]), writer.Scalar(float.MaxValue)]));
        // The best energies of the last rounds, the newest last.
        var nextPast = writer.Concat(1, writer.Slice(past, 1, 1, History), writer.Reshape(nextLeast, -1, 1));
        if (options.Patience == 0)
        {
            nextPast = past;
        }
        else
        {
            var earlier = writer.Reshape(writer.Slice(nextPast, 1, 0, 1), -1);
            var gained = writer.Op(
                "LessOrEqual",
                [writer.Sub(earlier, nextLeast), writer.Mul(writer.Op("Abs", [earlier]), writer.Scalar(options.Tolerance))]);
            var isLong = writer.Op("GreaterOrEqual", [round, writer.Whole(options.Patience)]);
            ends = writer.Op("Or", [ends, writer.And(gained, isLong)]);
        }

        var nextStopped = writer.Op("Or", [stopped, ends]);
        return (better, writer.Any(writer.Not(nextStopped)), nextLeast, nextPast, nextStopped);
    }

    private Dictionary<string, string> Inputs(IReadOnlyList<string> names, string[] own, string? start, string pace)
    {
        var alive = IsAlive(pace);
        var inputs = networks.Composed.WeightInputs.ToDictionary(
            input => input.Key, input => writer.Scalar(EnergyGraph.ValueOf(input.Key, options)), StringComparer.Ordinal);
        for (var i = 0; i < names.Count; i++)
            inputs[names[i]] = own[i];
        if (start is not null)
            inputs[SearchComposer.Start] = fields.Planar(start, 2);
        inputs[SearchComposer.SmoothnessWeight] = writer.Scalar(options.Smoothness);
        inputs[SearchComposer.OrientationWeight] = writer.Scalar(options.Orientation);
        inputs[SearchComposer.Alive] = alive;
        var extra = Extra(pace);
        inputs[SearchComposer.Scale] = writer.Rows(
            writer.Floats(
                [MostExtra + 1],
                [.. Enumerable.Range(0, MostExtra + 1).Select(k => (float)Math.ScaleB(1, -options.Squarings - k))]),
            extra);
        // The squarings of a row are the last ones.
        for (var k = 0; k < MostExtra; k++)
            inputs[SearchComposer.Turn(k)] = writer.Op("GreaterOrEqual", [extra, writer.Whole(MostExtra - k)]);
        return inputs;
    }

    private string Extra(string pace)
    {
        var zero = writer.Mul(pace, writer.Scalar(0));
        if (MostExtra == 0)
            return writer.Whole(writer.Op("Greater", [zero, writer.Scalar(0)]));
        var steps = writer.Floats(
            [1, 1, MostExtra],
            [.. Enumerable.Range(0, MostExtra).Select(k => (float)Math.ScaleB(ScalingAndSquaring.LargestStep, options.Squarings + k))]);
        var reached = writer.Whole(writer.Op("GreaterOrEqual", [pace, steps]));
        return writer.Reduce("ReduceSum", reached, true, 2);
    }

    private string[] Moved(
        OnnxModel update, IReadOnlyList<string> names, string[] own, string[] means, string[] squares,
        IReadOnlyDictionary<string, string> stepped, string? start, string round)
    {
        float[] Table(Func<double, double> value) => [.. Enumerable.Range(1, options.Steps + 1).Select(step => (float)value(step))];
        static double Root(double step) => Math.Sqrt(1 - Math.Pow(Beta2, step));
        var rates = writer.Floats(
            [options.Steps + 1], Table(step => options.LearningRate * Root(step) / (1 - Math.Pow(Beta1, step))));
        var epsilons = writer.Floats([options.Steps + 1], Table(step => Epsilon * Root(step)));
        var inputs = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            [SearchComposer.Rate] = writer.Rows(rates, round), [SearchComposer.Epsilon] = writer.Rows(epsilons, round),
        };
        if (start is not null)
            inputs[SearchComposer.Start] = fields.Planar(start, 2);
        for (var i = 0; i < names.Count; i++)
        {
            (inputs[names[i]], inputs[SearchComposer.Mean(names[i])]) = (own[i], means[i]);
            (inputs[SearchComposer.Square(names[i])], inputs[SearchComposer.Gradient(names[i])]) =
                (squares[i], stepped[SearchComposer.Gradient(names[i])]);
        }

        var moved = writer.Graph.Append(update.Graph, $"{writer.Stage}adam/", inputs);
        return
        [
            .. names.Select(name => moved[SearchComposer.Next(name)]),
            .. names.Select(name => moved[SearchComposer.Next(SearchComposer.Mean(name))]),
            .. names.Select(name => moved[SearchComposer.Next(SearchComposer.Square(name))]),
            moved[SearchComposer.Speed],
        ];
    }

    private string Velocity(SearchComposer composer, string lattice, string? start)
    {
        var inputs = new Dictionary<string, string>(StringComparer.Ordinal) { ["lattice"] = lattice };
        if (start is not null)
            inputs[SearchComposer.Start] = fields.Planar(start, 2);
        var found = writer.Graph.Append(composer.FullVelocity().Graph, $"{writer.Stage}best/", inputs);
        return fields.Flat(found[SearchComposer.Velocity], 2);
    }

    private string[] Initial(FieldParameters parameters, string rows)
    {
        var values = parameters.Initial(1);
        string[] expanded = [.. values.Select(value =>
        {
            var constant = writer.Floats(value.shape, [.. value.data<float>()]);
            var shape = writer.Concat(0, rows, writer.Ints(value.shape[1..]));
            return writer.Op("Expand", [constant, shape]);
        })];
        foreach (var value in values)
            value.Dispose();
        return expanded;
    }

    private string Zeros(string rows, params long[] shape) => writer.Op(
        "Expand", [writer.Scalar(0), shape.Length == 0 ? rows : writer.Concat(0, rows, writer.Ints(shape))]);
}
