using Microsoft.ML.OnnxRuntime;

namespace DiffeoNN.Onnx.Gradients.Tests;

/// <summary>Compares emitted gradients with finite differences of the forward model, under random upstream gradients.</summary>
internal static class GradientCheck
{
    /// <summary>Gradients of sum(upstream * output) by central differences of fourth order, element by element.</summary>
    public static Dictionary<string, double[]> FiniteDifferences(
        Runner forward, IReadOnlyDictionary<string, OnnxTensor> inputs, IReadOnlyDictionary<string, OnnxTensor> upstream,
        IEnumerable<string> with, double step)
    {
        var values = new Dictionary<string, OnnxTensor>(inputs);
        double Value() => Dot(forward.Run(values, [.. upstream.Keys]), upstream);
        var result = new Dictionary<string, double[]>();
        foreach (var name in with)
        {
            var original = inputs[name];
            var numbers = original.ToDoubleArray();
            double At(int i, double offset)
            {
                var moved = (double[])numbers.Clone();
                moved[i] += offset;
                values[name] = OnnxTensor.FromDoubles(name, original.ElementType, original.Dimensions, moved);
                return Value();
            }

            result[name] = [.. Enumerable.Range(0, numbers.Length).Select(i =>
                ((8 * (At(i, step) - At(i, -step))) - (At(i, 2 * step) - At(i, -2 * step))) / (12 * step))];
            values[name] = original;
        }

        return result;
    }

    /// <summary>sum(a * b) over all outputs; where b is zero a may be anything.</summary>
    public static double Dot(IReadOnlyDictionary<string, OnnxTensor> a, IReadOnlyDictionary<string, OnnxTensor> b) =>
        b.Sum(pair => a[pair.Key].ToDoubleArray().Zip(pair.Value.ToDoubleArray(), (x, y) => y == 0 ? 0 : x * y).Sum());

    /// <summary>A runner of the model in float64; null where the runtime lacks a kernel.</summary>
    public static Runner? TryDouble(OnnxModel model, IReadOnlyDictionary<string, OnnxTensor> inputs) => TryDouble(model, inputs, out _);

    /// <summary>The same, and the model that runs.</summary>
    public static Runner? TryDouble(OnnxModel model, IReadOnlyDictionary<string, OnnxTensor> inputs, out OnnxModel? widened)
    {
        // Newer versions of an operator often have the kernel that an older one lacks.
        foreach (var opset in new[] { model.Opset, Math.Max(model.Opset, 18), Math.Max(model.Opset, 20) }.Distinct())
        {
            Runner? runner = null;
            try
            {
                widened = DoublePrecision.Of(OpsetConverter.Convert(model, opset));
                runner = new Runner(widened, optimise: false);
                runner.Run(Widened(inputs));
                return runner;
            }
            catch (Exception e) when (e is OnnxRuntimeException or OnnxModelException)
            {
                runner?.Dispose();
            }
        }

        widened = null;
        return null;
    }

    public static Dictionary<string, OnnxTensor> Widened(IReadOnlyDictionary<string, OnnxTensor> tensors) =>
        tensors.ToDictionary(t => t.Key, t => DoublePrecision.Of(t.Value));

    /// <summary>Random upstream gradients for outputs.</summary>
    public static Dictionary<string, OnnxTensor> Upstream(
        IReadOnlyDictionary<string, OnnxTensor> outputs, IEnumerable<string> names, Random random) =>
            names.ToDictionary(n => n, n => OnnxTensor.FromDoubles(n, outputs[n].ElementType, outputs[n].Dimensions,
                [.. Enumerable.Range(0, (int)outputs[n].Count).Select(_ => (random.NextDouble() * 2) - 1)]));

    /// <summary>Runs an emitted gradient model; results by input name.</summary>
    public static Dictionary<string, OnnxTensor> Gradients(
        OnnxModel gradient, IReadOnlyDictionary<string, OnnxTensor> inputs, IReadOnlyDictionary<string, OnnxTensor> upstream,
        bool optimise = true)
    {
        var values = new Dictionary<string, OnnxTensor>(inputs);
        foreach (var (name, tensor) in upstream)
            values[name + "_grad"] = tensor;
        using var runner = new Runner(gradient, optimise);
        var names = gradient.Graph.Outputs.Select(o => o.Name).Where(n => n.EndsWith("_grad", StringComparison.Ordinal)).ToList();
        return runner.Run(values, names).ToDictionary(r => r.Key[..^"_grad".Length], r => r.Value);
    }

    /// <summary>Fails with the worst element where two gradients differ by more than a part of the largest element.</summary>
    public static void AreClose(double[] actual, double[] expected, double tolerance, string what)
    {
        Assert.That(actual, Has.Length.EqualTo(expected.Length), what);
        var scale = Math.Max(expected.Select(Math.Abs).DefaultIfEmpty(0).Max(), 1e-3);
        var worst = Enumerable.Range(0, actual.Length).Select(i => (Index: i, Error: Math.Abs(actual[i] - expected[i])))
            .OrderByDescending(e => double.IsNaN(e.Error) ? double.PositiveInfinity : e.Error).FirstOrDefault();
        if (actual.Length > 0 && !(worst.Error <= tolerance * scale))
            Assert.Fail($"{what}: element {worst.Index} is {actual[worst.Index]}, finite differences give {expected[worst.Index]} "
                + $"(tolerance {tolerance} of {scale}).");
    }
}
