using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Validation.Comparing;
using DiffeoNN.Onnx.Validation.Sources;

namespace DiffeoNN.Onnx.Validation.Differences;

/// <summary>
/// How far rounding alone moves a gradient: libtorch's in the model's precision beside libtorch's in float64.
/// Kinks that rounding decides on, and sums that cancel, make gradients of which float32 knows little, whoever computes them.
/// </summary>
internal static class GradientRounding
{
    /// <summary>How many times what rounding moves one gradient by two gradients may differ by.</summary>
    private const double Margin = 3;

    /// <summary>What two gradients in float64 may differ by, relative to their length or, where that is longer,
    /// to what rounding in float32 makes of them.</summary>
    private const double LargestInDouble = 5e-3;

    /// <summary>Derivatives in float64.</summary>
    /// <returns>By the input's name; null where the graph does not run in float64.</returns>
    public static IReadOnlyDictionary<string, OnnxTensor>? InDouble(
        IGradientSource source, OnnxModel model, string title, IReadOnlyDictionary<string, OnnxTensor> inputs,
        IReadOnlyDictionary<string, OnnxTensor> upstream,
        IReadOnlyList<string> inputNames, CancellationToken cancellationToken)
    {
        try
        {
            return source.Run(FloatPrecision.Convert(model, OnnxElementType.Double), title, Convert(inputs), Convert(upstream), inputNames,
                cancellationToken);
        }
        catch (Exception error) when (error is GraphException or GradientException)
        {
            return null;
        }
    }

    private static Dictionary<string, OnnxTensor> Convert(IReadOnlyDictionary<string, OnnxTensor> tensors) =>
        tensors.ToDictionary(pair => pair.Key, pair => FloatPrecision.Convert(pair.Value, OnnxElementType.Double), StringComparer.Ordinal);

    /// <summary>Inputs whose compiled derivatives differ from libtorch's where both run on libtorch in float64: a fault of the compiled
    /// graph, whatever float32 makes of it.</summary>
    /// <returns>Empty where the graph does not run there, too.</returns>
    public static IReadOnlySet<string> WrongInDouble(
        ValidationEngines engines, OnnxModel backward, string title, IReadOnlyDictionary<string, OnnxTensor> inputs,
        IReadOnlyDictionary<string, OnnxTensor> upstream,
        IReadOnlyDictionary<string, OnnxTensor> exact, IReadOnlyDictionary<string, OnnxTensor> rounded, CancellationToken cancellationToken)
    {
        if (engines.Values.FirstOrDefault(engine => engine.Name == ValidationSources.Torch) is not { } torch || engines.Compiled is null)
            return new HashSet<string>();
        var made = exact.Keys.Where(name => rounded.ContainsKey(name)
            && backward.Graph.Outputs.Exists(output => output.Name == name + new GradientOptions().Suffix)).ToList();
        try
        {
            var found = new CompiledGradientSource(torch, GradientCompiler.Compile)
                .RunCompiled(FloatPrecision.Convert(backward, OnnxElementType.Double), title, Convert(inputs), Convert(upstream), made,
                    cancellationToken);
            return made.Where(name => found.TryGetValue(name, out var gradient)
                && Difference(exact[name], gradient) > LargestInDouble * Math.Max(
                    Length(exact[name]), Difference(exact[name], rounded[name])))
                .ToHashSet(StringComparer.Ordinal);
        }
        catch (Exception error) when (error is GraphException or GradientException)
        {
            return new HashSet<string>();
        }
    }

    /// <summary>Length of the difference relative to the length of the exact gradient;
    /// infinite where that is zero and the other is not.</summary>
    public static double Of(OnnxTensor exact, OnnxTensor rounded)
    {
        var difference = Difference(exact, rounded);
        return difference == 0 ? 0 : double.IsFinite(difference) ? difference / Length(exact) : double.PositiveInfinity;
    }

    private static double Difference(OnnxTensor a, OnnxTensor b) =>
        Math.Sqrt(a.ToDoubleArray().Zip(b.ToDoubleArray(), (x, y) => (x - y) * (x - y)).Sum());

    private static double Length(OnnxTensor tensor) => Math.Sqrt(tensor.ToDoubleArray().Sum(value => value * value));

    /// <summary>A tolerance that leaves room for what rounding does; the same where that is little.</summary>
    public static Tolerance Widen(Tolerance tolerance, double rounding)
    {
        var room = Math.Min(2, Margin * rounding);
        return tolerance with
        {
            Cosine = Math.Min(tolerance.Cosine ?? -1, 1 - (room * room / 2)),
            Norm = Margin * rounding < 1 ? Math.Max(tolerance.Norm ?? double.PositiveInfinity, Margin * rounding) : double.PositiveInfinity,
        };
    }

    /// <summary>The error along a direction that rounding leaves open.</summary>
    public static double Widen(double tolerance, double rounding) => Math.Max(tolerance, Margin * rounding);
}
