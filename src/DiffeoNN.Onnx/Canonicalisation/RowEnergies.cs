using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>The energy with the weights that rows ask for: one for each set of weights in use, by the same graphs.</summary>
/// <param name="energy">Stays the caller's.</param>
/// <param name="withEntropy">The energy of which the entropy of answers is a term, for rows that weigh it; stays the caller's. Null where
/// the first has it, or nobody asks.</param>
internal sealed class RowEnergies(IEnergy energy, Func<OnnxEnergy>? withEntropy = null) : IDisposable
{
    private readonly Dictionary<string, (OnnxEnergy Energy, int Users)> _others = new(StringComparer.Ordinal);

    /// <summary>The energy for a row's settings: what they do not say of weights is the energy's own.</summary>
    /// <param name="settings">Of no effect where the energy is not one of networks.</param>
    /// <returns>To be given back by <see cref="Return"/>.</returns>
    public IEnergy Take(SearchSpec settings)
    {
        if (energy is not OnnxEnergy graphs)
            return energy;
        var weights = settings.Over(graphs.Weights);
        var key = weights.Weights;
        if (key == graphs.Weights.Weights)
            return graphs;
        var (own, users) = _others.GetValueOrDefault(key);
        own ??= (weights.Entropy > 0 && withEntropy is not null ? withEntropy() : graphs).WithWeights(weights);
        _others[key] = (own, users + 1);
        return own;
    }

    /// <summary>Gives back what a row took.</summary>
    public void Return(IEnergy taken)
    {
        if (ReferenceEquals(taken, energy) || taken is not OnnxEnergy own)
            return;
        var users = _others[own.Weights.Weights].Users - 1;
        if (users > 0)
        {
            _others[own.Weights.Weights] = (own, users);
            return;
        }

        _others.Remove(own.Weights.Weights);
        own.Dispose();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (own, _) in _others.Values)
            own.Dispose();
        _others.Clear();
    }
}
