using System.Diagnostics;

namespace DiffeoNN.Onnx.Gradients.Tests.Published;

/// <summary>
/// Compares the gradient of a whole network, in float32 and in float64, with float64 finite differences along directions.
/// </summary>
/// <remarks>
/// A direction d has normally distributed elements, the last one the gradient's own direction at the same length. Errors of the
/// directional derivative g·d are measured by the larger of |g·d| and |g||d|/sqrt(n), which is what g·d typically is for a
/// random direction of n elements: stricter than |g||d| by sqrt(n).
/// </remarks>
internal sealed record ModelCheck
{
    private const int Directions = 3;
    private const double Agreement = 2e-7;

    public required int Nodes { get; init; }

    public required int GradientNodes { get; init; }

    public required double CompileMilliseconds { get; init; }

    /// <summary>Error of the float64 gradient against differences.</summary>
    public double DoubleError { get; private set; }

    /// <summary>Error of the float32 gradient against differences.</summary>
    public double FloatError { get; private set; }

    /// <summary>|float32 gradient - float64 gradient| by |float64 gradient|.</summary>
    public double Rounding { get; private set; }

    /// <summary>|emitted float32 graph run in float64 - float64 gradient| by |float64 gradient|:
    /// what rounding and kinks have no part in.</summary>
    public double FormulaError { get; private set; }

    /// <summary>By how much differences of two steps disagree: kinks within the larger one, or rounding of the smaller one.</summary>
    public double Doubt { get; private set; }

    /// <summary>Largest root mean square of the gradients.</summary>
    public double Size { get; private set; }

    /// <summary>Largest difference of the output in float64 and in float32, by the largest element.</summary>
    public double ForwardError { get; private set; }

    /// <summary>What a run of the optimised network takes, one thread.</summary>
    public double ForwardMilliseconds { get; private set; }

    /// <summary>The same together with the gradient.</summary>
    public double GradientMilliseconds { get; private set; }

    public override string ToString() =>
        $"nodes {Nodes} -> {GradientNodes}, compiled in {CompileMilliseconds:f0} ms, forward {ForwardMilliseconds:f1} ms, with gradient "
        + $"{GradientMilliseconds:f1} ms, forward error {ForwardError:g2}, gradient error float64 {DoubleError:g2}, float32 "
        + $"{FloatError:g2}, rounding {Rounding:g2}, formula {FormulaError:g2}, doubt {Doubt:g2}, size {Size:g2}";

    public static ModelCheck Run(PublishedModel row)
    {
        var model = row.Load();
        var random = new Random(row.Seed);
        var inputs = row.Values(model, random);
        var output = model.Graph.Outputs[0].Name;
        var (gradient, compile) = Timed(() => GradientCompiler.Compile(model));
        var result =
            new ModelCheck { Nodes = model.Graph.Nodes.Count, GradientNodes = gradient.Graph.Nodes.Count, CompileMilliseconds = compile };

        var wide = Widened(model, inputs);
        using var forward = new Runner(DoubleKernels.Replace(wide), optimise: false);
        var wideInputs = GradientCheck.Widened(inputs);
        var y = forward.Run(wideInputs, [output])[output];
        var upstream = GradientCheck.Upstream(new Dictionary<string, OnnxTensor> { [output] = Narrowed(y) }, [output], random);
        var narrow = result.RunNarrow(model, gradient, inputs, upstream[output], y);
        var wideUpstream = GradientCheck.Widened(upstream);
        var wideGradient = Fixed(
            GradientCompiler.Compile(wide), new Dictionary<string, OnnxTensor>(wideInputs) { [output + "_grad"] = wideUpstream[output] });
        var exact = GradientCheck.Gradients(DoubleKernels.Replace(wideGradient), wideInputs, wideUpstream, optimise: false);
        Assert.That(exact.Keys, Is.EquivalentTo(narrow.Keys));
        var emitted = Widened(gradient, new Dictionary<string, OnnxTensor>(inputs) { [output + "_grad"] = upstream[output] });
        CastStatistics(emitted.Graph);
        var same = GradientCheck.Gradients(DoubleKernels.Replace(emitted), wideInputs, wideUpstream, optimise: false);
        foreach (var name in exact.Keys)
        {
            result.FormulaError = Worse(result.FormulaError, Distance(same[name].ToDoubleArray(), exact[name].ToDoubleArray()));
            result.Compare(name, forward, wideInputs, wideUpstream, exact[name].ToDoubleArray(), narrow[name].ToDoubleArray(),
                row.Steps, random);
        }

        return result;
    }

    /// <summary>The statistics of layer normalisation are float32 whatever its input is.</summary>
    private static void CastStatistics(OnnxGraph graph)
    {
        foreach (var node in graph.Nodes.Where(n => n.OpType == "LayerNormalization").ToList())
        {
            for (var i = 1; i < node.Outputs.Count; i++)
            {
                var name = node.Outputs[i];
                node.Outputs[i] = name + "/float32";
                graph.AddNode("Cast", [node.Outputs[i]], name, OnnxAttribute.Of("to", (long)OnnxElementType.Double));
            }
        }

        graph.Sort();
    }

    /// <summary>Runs the network and its gradient as they are, optimised and in float32; gradients by input.</summary>
    private Dictionary<string, OnnxTensor> RunNarrow(
        OnnxModel model, OnnxModel gradient, Dictionary<string, OnnxTensor> inputs, OnnxTensor upstream, OnnxTensor expected)
    {
        var output = upstream.Name;
        using (var runner = new Runner(model, optimise: false))
        {
            var (actual, exact) = (runner.Run(inputs, [output])[output].ToDoubleArray(), expected.ToDoubleArray());
            ForwardError = Worse(ForwardError, actual.Zip(exact, (a, b) => Math.Abs(a - b)).Max() / exact.Max(Math.Abs));
        }

        using (var runner = new Runner(model))
            ForwardMilliseconds = Timed(() => runner.Run(inputs, [output])).Milliseconds;
        using (var runner = new Runner(gradient))
        {
            var names = gradient.Graph.Outputs.Select(o => o.Name).Where(n => n != output).ToList();
            var values = new Dictionary<string, OnnxTensor>(inputs) { [output + "_grad"] = upstream };
            (var results, GradientMilliseconds) = Timed(() => runner.Run(values, [output, .. names]));
            return names.ToDictionary(n => n[..^"_grad".Length], n => results[n]);
        }
    }

    /// <summary>The result, and the shortest time of three.</summary>
    private static (T Result, double Milliseconds) Timed<T>(Func<T> work)
    {
        var best = double.PositiveInfinity;
        for (var i = 0; ; i++)
        {
            var clock = Stopwatch.StartNew();
            var result = work();
            best = Math.Min(best, clock.Elapsed.TotalMilliseconds);
            if (i == 2)
                return (result, best);
        }
    }

    private void Compare(
        string name, Runner forward, Dictionary<string, OnnxTensor> inputs, Dictionary<string, OnnxTensor> upstream, double[] exact,
        double[] narrow, double[] steps, Random random)
    {
        var length = Math.Sqrt(Dot(exact, exact));
        var x = inputs[name].ToDoubleArray();
        Rounding = Worse(Rounding, Distance(narrow, exact));
        Size = Math.Max(Size, length / Math.Sqrt(x.Length));
        for (var k = 0; k < Directions; k++)
        {
            var direction = k == Directions - 1 ? Array.ConvertAll(exact, g => g * Math.Sqrt(x.Length) / length) : Normal(x.Length, random);
            double At(double offset) => GradientCheck.Dot(forward.Run(new Dictionary<string, OnnxTensor>(inputs)
            {
                [name] = OnnxTensor.FromDoubles(
                    name, OnnxElementType.Double, inputs[name].Dimensions, [.. x.Zip(direction, (v, d) => v + (offset * d))]),
            }, [.. upstream.Keys]), upstream);
            var expected = Dot(exact, direction);
            var scale = Math.Max(Math.Abs(expected), length * Math.Sqrt(Dot(direction, direction) / x.Length));
            var (difference, doubt) = Difference(steps.Select(h => (At(h) - At(-h)) / (2 * h)), scale);
            DoubleError = Worse(DoubleError, Math.Abs(expected - difference) / scale);
            FloatError = Worse(FloatError, Math.Abs(Dot(narrow, direction) - difference) / scale);
            Doubt = Worse(Doubt, doubt / scale);
        }
    }

    /// <summary>
    /// The finite difference where two steps in sequence agree best, and by how much they do not:
    /// large steps meet kinks, small ones rounding. The gradient under test has no say in it.
    /// No further steps are tried once two agree well.
    /// </summary>
    private static (double Difference, double Doubt) Difference(IEnumerable<double> differences, double scale)
    {
        double? before = null;
        var best = (Difference: double.NaN, Doubt: double.PositiveInfinity);
        foreach (var difference in differences)
        {
            if (before is { } other && Math.Abs(difference - other) is var doubt && doubt < best.Doubt)
                best = ((difference + other) / 2, doubt);
            if (best.Doubt < Agreement * scale)
                break;
            before = difference;
        }

        return best;
    }

    /// <summary>The model in float64 at operator set 18 or later, with the sizes of these inputs.</summary>
    public static OnnxModel Widened(OnnxModel model, IReadOnlyDictionary<string, OnnxTensor> inputs) =>
        DoublePrecision.Of(OpsetConverter.Convert(Fixed(model, inputs), Math.Max(model.Opset, 18)));

    private static OnnxModel Fixed(OnnxModel model, IReadOnlyDictionary<string, OnnxTensor> inputs)
    {
        var result = OpsetConverter.Convert(model, model.Opset);
        var graph = result.Graph;
        for (var i = 0; i < graph.Inputs.Count; i++)
        {
            if (inputs.TryGetValue(graph.Inputs[i].Name, out var tensor))
                graph.Inputs[i] = graph.Inputs[i] with { Shape = [.. tensor.Dimensions.Select(OnnxDimension.Of)] };
        }

        graph.ValueInfos.Clear();
        for (var i = 0; i < graph.Outputs.Count; i++)
            graph.Outputs[i] = graph.Outputs[i] with { Shape = null };
        return result;
    }

    private static OnnxTensor Narrowed(OnnxTensor tensor) =>
        OnnxTensor.FromDoubles(tensor.Name, OnnxElementType.Float, tensor.Dimensions, tensor.ToDoubleArray());

    private static double[] Normal(int count, Random random) => [.. Enumerable.Range(0, count).Select(_ =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()))];

    private static double Distance(double[] a, double[] exact) =>
        Math.Sqrt(a.Zip(exact, (x, y) => (x - y) * (x - y)).Sum() / Dot(exact, exact));

    private static double Dot(double[] a, double[] b) => a.Zip(b, (x, y) => x * y).Sum();

    private static double Worse(double before, double error) => double.IsNaN(error) ? double.PositiveInfinity : Math.Max(before, error);
}
