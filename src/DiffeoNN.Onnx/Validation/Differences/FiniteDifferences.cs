using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Tensors;
using DiffeoNN.Onnx.Validation.Sources;

namespace DiffeoNN.Onnx.Validation.Differences;

/// <summary>Central differences of sum(upstream * output).</summary>
/// <param name="forward">The model, its inputs set.</param>
/// <param name="precision">The float type it computes in.</param>
/// <param name="upstream">A gradient for each differentiated output.</param>
internal sealed class FiniteDifferences(TensorGraph forward, OnnxElementType precision, IReadOnlyDictionary<string, double[]> upstream)
{
    /// <summary>What rounding may make of a difference, relative to the largest derivative, before nothing is concluded from it.</summary>
    private const double Unsteady = 0.02;

    private readonly List<string> _outputs = [.. upstream.Keys];
    private double _value;
    private double _noise;

    /// <summary>Steps relative to the size of the input: short ones suffer from rounding, long ones from kinks and curvature.</summary>
    private double[] Steps => precision == OnnxElementType.Double ? [1e-5, 1e-7] : [1e-2, 1e-3, 1e-4, 1e-1];

    private double Precision =>
        precision == OnnxElementType.Double ? CentralDifference.DoublePrecision : CentralDifference.SinglePrecision;

    /// <summary>Runs the model where the derivatives are wanted.</summary>
    /// <returns>The outputs.</returns>
    public Dictionary<string, OnnxTensor> Start()
    {
        var outputs = forward.Run(_outputs);
        (_value, _noise) = Sum(outputs);
        return outputs;
    }

    /// <summary>Compares a derivative with differences of several steps, of which the nearest counts:
    /// a wrong derivative is wrong at all of them.</summary>
    /// <param name="input">The input's value.</param>
    /// <param name="move">The input moved by a multiple of the direction.</param>
    /// <param name="claimed">What the derivative should be.</param>
    /// <param name="scale">The size of the largest derivative of the kind; grows where differences are larger.</param>
    /// <param name="tolerance">What passes, relative to the scale.</param>
    /// <returns>The nearest difference, whether the derivative is right (null where differences contradict each other or drown in
    /// rounding), and how far the two may be apart.</returns>
    public (double Value, bool? IsRight, double Allowed) Compare(
        OnnxTensor input, Func<double, double[]> move, double claimed, ref double scale, double tolerance)
    {
        var size = Size(input);
        var tried = new List<(double Step, double Value, double Rounding)>();
        var kink = double.PositiveInfinity;
        try
        {
            foreach (var step in Steps)
            {
                var (slope, gap) = At(step * size);
                var rounding = _noise / (step * size);
                tried.Add((step, slope, rounding));
                scale = Math.Max(scale, double.IsFinite(slope) && rounding < Math.Abs(slope) / 10 ? Math.Abs(slope) : 0);
                if (Math.Abs(slope - claimed) <= tolerance * scale / 2 && rounding <= tolerance * scale / 2)
                    return (slope, true, (tolerance * scale) + (3 * rounding));
                var (finer, finerGap) = At(step * size / 2);
                tried.Add((step / 2, finer, 2 * rounding));
                // A smooth function's left and right derivatives approach each other with the step; those at a kink do not.
                kink = Math.Min(
                    kink, Math.Abs(finerGap) > 0.75 * Math.Abs(gap) && Math.Abs(finerGap) > 8 * rounding ? Math.Abs(finerGap) : 0);
            }
        }
        finally
        {
            forward.Set(input.Name, input);
        }

        return Judge(tried, kink, claimed, scale, tolerance, 10 * _noise / (Steps.Max() * size));

        (double Slope, double Gap) At(double step)
        {
            var difference = CentralDifference.Of(Moved, step);
            return (difference.Slope, difference.Gap(_value));
        }

        double Moved(double step)
        {
            forward.Set(input.Name, OnnxTensor.FromDoubles(input.Name, input.ElementType, input.Dimensions, move(step)));
            return Sum(forward.Run(_outputs)).Value;
        }
    }

    private static (double Value, bool? IsRight, double Allowed) Judge(
        List<(double Step, double Value, double Rounding)> tried, double kink, double claimed, double scale, double tolerance,
        double negligible)
    {
        if (!double.IsFinite(claimed)) return (tried[0].Value, false, tolerance * scale);
        // So small beside the outputs that rounding alone makes it: the true derivative is zero.
        if (Math.Max(scale, Math.Abs(claimed)) <= negligible) return (tried.MinBy(t => t.Rounding).Value, true, negligible);
        var usable = tried.Where(t => double.IsFinite(t.Value) && t.Rounding <= Unsteady * scale).OrderBy(t => t.Step).ToList();
        if (usable.Count == 0) return (tried.MinBy(t => t.Rounding).Value, null, tolerance * scale);
        var nearest = usable.MinBy(t => Beyond(t.Value, t.Rounding));
        var error = Beyond(nearest.Value, nearest.Rounding);
        var allowed = (tolerance * scale) + (3 * nearest.Rounding);
        if (error <= tolerance * scale) return (nearest.Value, true, allowed);

        // Kinks that lie within a step change the difference about as much as the step does:
        // what the shortest has gained over a longer one.
        var shortest = usable[0];
        var longer = usable.FirstOrDefault(t => t.Step > 5 * shortest.Step, usable[^1]);
        var spread = Math.Max(Math.Abs(shortest.Value - longer.Value) * (longer.Step > 5 * shortest.Step ? 1 : 4), kink);
        return (nearest.Value, error > 2 * spread ? false : null, allowed);

        double Beyond(double value, double rounding) => CentralDifference.Beyond(value, claimed, 3 * rounding);
    }

    private static double Size(OnnxTensor input)
    {
        var size = Math.Sqrt(input.ToDoubleArray().Select(value => value * value).DefaultIfEmpty(0).Average());
        return size > 0 ? size : 1;
    }

    private (double Value, double Noise) Sum(Dictionary<string, OnnxTensor> outputs)
    {
        var (value, squares) = (0.0, 0.0);
        foreach (var (name, weights) in upstream)
        {
            foreach (var term in outputs[name].ToDoubleArray().Zip(weights, (y, weight) => y * weight))
            {
                value += term;
                squares += term * term;
            }
        }

        return (value, Precision * Math.Sqrt(squares));
    }
}
