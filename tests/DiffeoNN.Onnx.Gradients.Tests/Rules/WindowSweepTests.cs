using System.Globalization;
using Microsoft.ML.OnnxRuntime;

namespace DiffeoNN.Onnx.Gradients.Tests.Rules;

/// <summary>
/// Random convolutions and pools: what the runtime runs has a gradient, which agrees with finite differences; values stay what they are in
/// the emitted graph, and it states the sizes that the runtime makes.
/// </summary>
[Parallelizable(ParallelScope.Children)]
public sealed class WindowSweepTests
{
    private const int Seed = 20261127;
    private const double FloatTolerance = 1e-4;

    /// <summary>How many forms of each operator are tried; a longer sweep is asked for by an environment variable.</summary>
    private static int Count =>
        int.TryParse(Environment.GetEnvironmentVariable("DIFFEONN_SWEEP"), CultureInfo.InvariantCulture, out var count) ? count : 40;

    private static IEnumerable<string> Operators() => WindowCases.Operators;

    [TestCaseSource(nameof(Operators))]
    public void RandomForm_AgreesWithFiniteDifferences(string opType) => Sweep(opType, Count, random => WindowCases.Draw(opType, random));

    [TestCase("LpPool", 3)]
    [TestCase("AveragePool", 1)]
    [TestCase("MaxPool", 1)]
    public void RandomFormWithGaps_AgreesWithFiniteDifferences(string opType, int times) =>
        Sweep(opType, times * Count, random => WindowCases.DrawPoolWithGaps(opType, random));

    private static void Sweep(string opType, int count, Func<Random, RuleCase> draw)
    {
        var (ran, failures) = (0, new List<string>());
        for (var i = 0; i < count; i++)
        {
            var seed = Seed + i;
            var test = draw(new Random(seed));
            if (Check(test, seed, out var isRefused) is { } failure)
                failures.Add($"{test} opset {test.Opsets[0]} seed {seed}: {failure}");
            ran += isRefused ? 0 : 1;
        }

        var heading = $"{failures.Count} of {ran} forms of {opType} that the runtime takes:";
        var all = string.Join(Environment.NewLine, failures.Prepend(heading));
        Assert.That(failures, Is.Empty, all);
        Assert.That(ran, Is.AtLeast(count / 3), "The runtime takes too few of the forms drawn.");
    }

    /// <summary>What is wrong with the gradient; null for nothing.</summary>
    private static string? Check(RuleCase test, int seed, out bool isRefused)
    {
        var inputs = test.Inputs(seed);
        var model = Model(test, seed, 0);
        Dictionary<string, OnnxTensor> outputs;
        isRefused = true;
        try
        {
            using var runner = new Runner(model, optimise: false);
            outputs = runner.Run(inputs);
        }
        catch (OnnxRuntimeException)
        {
            return null;
        }

        // A window of padding alone has the lowest number for its maximum.
        if (outputs.Values.Any(o => o.ToDoubleArray().Any(v => !double.IsFinite(v) || Math.Abs(v) > 1e6)))
            return null;
        isRefused = false;
        var upstream = GradientCheck.Upstream(outputs, [.. outputs.Keys], new Random(seed));
        using var wide = GradientCheck.TryDouble(model, inputs);
        using var narrow = new Runner(model, optimise: false);
        var expected = wide is null
            ? GradientCheck.FiniteDifferences(narrow, inputs, upstream, inputs.Keys, 1e-2)
            : GradientCheck.FiniteDifferences(wide, GradientCheck.Widened(inputs), GradientCheck.Widened(upstream), inputs.Keys, 1e-3);
        var tolerance = wide is null ? test.Tolerance : FloatTolerance;
        var all = test.Operands[0].Shape.Length;
        (string, int, bool)[] variants =
        [
            ("fixed sizes", 0, true), ("fixed sizes, as emitted", 0, false),
            ("free sizes", all, true), ("some free sizes", Math.Min(3, all - 1), true),
        ];
        foreach (var (variant, free, optimise) in variants)
        {
            // Windows larger than all there is are no windows in general: what they make depends on the very sizes.
            if (free > 0 && outputs.Values.All(o => o.Count > 0) && WindowCases.IsLargerThanInput(test))
                continue;
            try
            {
                var gradient = GradientCompiler.Compile(Model(test, seed, free));
                if (Difference(gradient, inputs, upstream, outputs, expected, tolerance, optimise) is { } difference)
                    return $"{variant}, {difference}";
            }
            catch (Exception e) when (e is OnnxRuntimeException or GradientException)
            {
                return $"{variant}: {e.Message.ReplaceLineEndings(" ")}";
            }
        }

        return null;
    }

    /// <summary>
    /// The node alone or, of even seeds, between two others, whose gradients mix its values and their sizes with those of the backward
    /// graph.
    /// </summary>
    /// <param name="test">The node.</param>
    /// <param name="seed">What it was drawn with.</param>
    /// <param name="free">How many sizes of its first input are free.</param>
    private static OnnxModel Model(RuleCase test, int seed, int free)
    {
        var model = test.Model(test.Opsets[0]);
        OnnxDimension[] sizes = [.. test.Operands[0].Shape.Select((size, axis) => axis < free ? OnnxDimension.Of($"s{axis}") : size)];
        model.Graph.Inputs[0] = new OnnxValueInfo("x0", OnnxElementType.Float, sizes);
        if (seed % 2 != 0)
            return model;
        var node = model.Graph.Nodes[0];
        model.Graph.Nodes.Clear();
        model.Graph.AddNode("Tanh", ["x0"], "before");
        model.Graph.Nodes.Add(node.Copy(name => name switch { "x0" => "before", "y0" => "within", _ => name }));
        model.Graph.AddNode("Mul", ["within", "within"], "y0");
        return model;
    }

    /// <summary>What is wrong with the values, the stated sizes or the gradients of an emitted model; null for nothing.</summary>
    private static string? Difference(
        OnnxModel gradient, Dictionary<string, OnnxTensor> inputs, Dictionary<string, OnnxTensor> upstream,
        Dictionary<string, OnnxTensor> outputs, Dictionary<string, double[]> expected, double tolerance, bool optimise)
    {
        var values = new Dictionary<string, OnnxTensor>(inputs);
        foreach (var (name, tensor) in upstream)
            values[$"{name}_grad"] = tensor;
        foreach (var input in gradient.Graph.Inputs)
        {
            if (Misstated(input, values[input.Name]) is { } stated)
                return stated;
        }

        using var runner = new Runner(gradient, optimise);
        var found = runner.Run(values);
        foreach (var output in gradient.Graph.Outputs)
        {
            if (Misstated(output, found[output.Name]) is { } stated)
                return stated;
        }

        foreach (var (name, output) in outputs)
        {
            if (Difference(found[name].ToDoubleArray(), output.ToDoubleArray(), 1e-5) is { } difference)
                return $"{name}: {difference}";
        }

        foreach (var name in inputs.Keys)
        {
            if (Difference(found[$"{name}_grad"].ToDoubleArray(), expected[name], tolerance) is { } difference)
                return $"{name}_grad: {difference}";
        }

        return null;
    }

    private static string? Misstated(OnnxValueInfo stated, OnnxTensor made)
    {
        if (stated.Shape is not { } shape
            || shape.Select((s, i) => s.Size ?? made.Dimensions.ElementAtOrDefault(i)).SequenceEqual(made.Dimensions))
            return null;
        return $"{stated.Name} is stated as [{string.Join(", ", shape)}] and is [{string.Join(", ", made.Dimensions)}]";
    }

    private static string? Difference(double[] actual, double[] expected, double tolerance)
    {
        if (actual.Length != expected.Length)
            return $"{actual.Length} elements where there are {expected.Length}";
        // Differences in float32, with their wider tolerance, know small derivatives less well.
        var limit = tolerance * Math.Max(expected.Select(Math.Abs).DefaultIfEmpty(0).Max(), tolerance > FloatTolerance ? 2e-2 : 1e-3);
        var wrong = Array.FindIndex([.. Enumerable.Range(0, actual.Length)], i => !(Math.Abs(actual[i] - expected[i]) <= limit));
        return wrong < 0 ? null : $"element {wrong} is {actual[wrong]}, where {expected[wrong]} is right";
    }
}
