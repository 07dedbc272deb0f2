using System.Globalization;
using Microsoft.ML.OnnxRuntime;

namespace DiffeoNN.Onnx.Gradients.Tests.Rules;

/// <summary>
/// Random convolutions and pools, each between two other nodes, against finite differences: what the runtime runs has a gradient.
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
    public void RandomForm_AgreesWithFiniteDifferences(string opType)
    {
        var (ran, failures) = (0, new List<string>());
        for (var i = 0; i < Count; i++)
        {
            var seed = Seed + i;
            var test = WindowCases.Draw(opType, new Random(seed));
            if (Check(test, seed, out var isRefused) is { } failure)
                failures.Add($"{test} opset {test.Opsets[0]} seed {seed}: {failure}");
            ran += isRefused ? 0 : 1;
        }

        var heading = $"{failures.Count} of {ran} forms of {opType} that the runtime takes:";
        var all = string.Join(Environment.NewLine, failures.Prepend(heading));
        Assert.That(failures, Is.Empty, all);
        Assert.That(ran, Is.AtLeast(Count / 3), "The runtime takes too few of the forms drawn.");
    }

    /// <summary>What is wrong with the gradient; null for nothing.</summary>
    private static string? Check(RuleCase test, int seed, out bool isRefused)
    {
        var inputs = test.Inputs(seed);
        var model = Surrounded(test, free: false);
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

        // An empty output has nothing to differentiate, and a window of padding alone has the lowest number for its maximum.
        if (outputs.Values.Any(o => o.Count == 0 || o.ToDoubleArray().Any(v => !double.IsFinite(v) || Math.Abs(v) > 1e6)))
            return null;
        isRefused = false;
        var upstream = GradientCheck.Upstream(outputs, [.. outputs.Keys], new Random(seed));
        using var wide = GradientCheck.TryDouble(model, inputs);
        using var narrow = new Runner(model, optimise: false);
        var expected = wide is null
            ? GradientCheck.FiniteDifferences(narrow, inputs, upstream, inputs.Keys, 1e-2)
            : GradientCheck.FiniteDifferences(wide, GradientCheck.Widened(inputs), GradientCheck.Widened(upstream), inputs.Keys, 1e-3);
        var tolerance = wide is null ? test.Tolerance : FloatTolerance;
        (string, bool, bool)[] variants =
            [("fixed sizes", false, true), ("fixed sizes, as emitted", false, false), ("free sizes", true, true)];
        foreach (var (variant, free, optimise) in variants)
        {
            // Windows larger than all there is are no windows in general: what they make depends on the very sizes.
            if (free && WindowCases.IsLargerThanInput(test))
                continue;
            try
            {
                var actual = GradientCheck.Gradients(GradientCompiler.Compile(Surrounded(test, free)), inputs, upstream, optimise);
                foreach (var name in inputs.Keys)
                {
                    if (Difference(actual[name].ToDoubleArray(), expected[name], tolerance) is { } difference)
                        return $"{variant}, {name}: {difference}";
                }
            }
            catch (Exception e) when (e is OnnxRuntimeException or GradientException)
            {
                return $"{variant}: {e.Message.ReplaceLineEndings(" ")}";
            }
        }

        return null;
    }

    /// <summary>The node between two others, whose gradients mix its values and their sizes with those of the backward graph.</summary>
    private static OnnxModel Surrounded(RuleCase test, bool free)
    {
        var model = test.Model(test.Opsets[0], free: free);
        var node = model.Graph.Nodes[0];
        model.Graph.Nodes.Clear();
        model.Graph.AddNode("Tanh", ["x0"], "before");
        model.Graph.Nodes.Add(node.Copy(name => name switch { "x0" => "before", "y0" => "within", _ => name }));
        model.Graph.AddNode("Mul", ["within", "within"], "y0");
        return model;
    }

    private static string? Difference(double[] actual, double[] expected, double tolerance)
    {
        if (actual.Length != expected.Length)
            return $"{actual.Length} elements where there are {expected.Length}";
        // Differences in float32, with their wider tolerance, know small derivatives less well.
        var limit = tolerance * Math.Max(expected.Select(Math.Abs).DefaultIfEmpty(0).Max(), tolerance > FloatTolerance ? 2e-2 : 1e-3);
        var wrong = Array.FindIndex([.. Enumerable.Range(0, actual.Length)], i => !(Math.Abs(actual[i] - expected[i]) <= limit));
        return wrong < 0 ? null : $"element {wrong} is {actual[wrong]}, finite differences give {expected[wrong]}";
    }
}
