using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>Reads what graphs say of energies: what is minimised, and what says whether a map helps, which may weigh the terms otherwise.
/// </summary>
/// <param name="terms">Names of the energy's terms.</param>
/// <param name="options">How it is searched.</param>
internal sealed class EnergyReading(IReadOnlyList<string> terms, SearchSpec options)
{
    private readonly double[]? _weights = options.Judge is { } judge ? [.. terms.Select(judge.WeightOf)] : null;

    /// <summary>The energy by which images are judged.</summary>
    /// <param name="values">The energy that is minimised, then its terms.</param>
    public double Energy(ReadOnlySpan<float> values)
    {
        if (_weights is null)
            return values[0];
        var sum = 0.0;
        // A term that does not count may be no number.
        for (var i = 0; i < _weights.Length; i++)
            sum += _weights[i] == 0 ? 0 : _weights[i] * values[i + 1];
        return sum;
    }

    /// <summary>The energies of an iterate.</summary>
    /// <param name="values">The energy that is minimised, then its terms.</param>
    /// <param name="smoothness">Of the velocity.</param>
    /// <param name="orientation">Penalty on folds.</param>
    public IterateEnergy Iterate(ReadOnlySpan<float> values, double smoothness, double orientation) =>
        IterateEnergy.Of(values, smoothness, orientation, options) with { Energy = Energy(values) };
}
