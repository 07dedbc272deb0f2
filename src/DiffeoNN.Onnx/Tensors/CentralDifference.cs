namespace DiffeoNN.Onnx.Tensors;

/// <summary>The slope of a function of one number from its values a step above and a step below: what derivatives are checked
/// against.</summary>
/// <param name="Step">Half the distance of the two places, above 0.</param>
/// <param name="Above">The function's value at +<paramref name="Step"/>.</param>
/// <param name="Below">The function's value at -<paramref name="Step"/>.</param>
/// <remarks>Long steps suffer from curvature and kinks, short ones from rounding: callers take several and keep the nearest to what is
/// claimed, since a wrong derivative is wrong at all of them.</remarks>
internal readonly record struct CentralDifference(double Step, double Above, double Below)
{
    /// <summary>What rounding leaves open of a value of float32, relative to it.</summary>
    public const double SinglePrecision = 1.2e-7;

    /// <summary>What rounding leaves open of a value of float64 that some operations went into, relative to it.</summary>
    public const double DoublePrecision = 1e-15;

    /// <summary>The function's derivative, to second order in the step.</summary>
    public double Slope => (Above - Below) / (2 * Step);

    /// <summary>What float32 leaves open of <see cref="Slope"/>.</summary>
    public double SingleRounding => SinglePrecision * Math.Max(Math.Abs(Above), Math.Abs(Below)) / Step;

    /// <summary>Takes the difference of a function.</summary>
    /// <param name="function">The value at a distance; asked above first.</param>
    /// <param name="step">Above 0.</param>
    public static CentralDifference Of(Func<double, double> function, double step)
    {
        var above = function(step);
        return new CentralDifference(step, above, function(-step));
    }

    /// <summary>As <see cref="Of(Func{double, double}, double)"/>, of several functions that are computed together.</summary>
    /// <param name="functions">Their values at a distance, as many each time; asked above first.</param>
    /// <param name="step">Above 0.</param>
    public static CentralDifference[] Of(Func<double, double[]> functions, double step)
    {
        var (above, below) = (functions(step), functions(-step));
        return [.. above.Zip(below, (a, b) => new CentralDifference(step, a, b))];
    }

    /// <summary>Right derivative less left derivative: goes to zero with the step where the function is smooth, and stays at a
    /// kink.</summary>
    /// <param name="centre">The function's value between the two places.</param>
    public double Gap(double centre) => (Above + Below - (2 * centre)) / Step;

    /// <summary>Richardson's extrapolation: with a longer step's difference, the curvature that each suffers from cancels.</summary>
    /// <param name="coarser">Of the same function, with a longer step.</param>
    /// <returns>The slope, to fourth order, and what float32 leaves open of it.</returns>
    public (double Slope, double SingleRounding) Extrapolated(CentralDifference coarser)
    {
        var ratio = Math.Pow(coarser.Step / Step, 2);
        return (((ratio * Slope) - coarser.Slope) / (ratio - 1), SingleRounding * ratio / (ratio - 1));
    }

    /// <summary>By how much a claimed derivative differs from a slope beyond what rounding may have done; at least 0.</summary>
    public static double Beyond(double slope, double claimed, double rounding) => Math.Max(0, Math.Abs(slope - claimed) - rounding);
}
