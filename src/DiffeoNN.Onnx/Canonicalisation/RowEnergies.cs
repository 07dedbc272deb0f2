using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>The energy with the weights that rows ask for: one for each set of weights in use, by the same graphs.</summary>
/// <param name="energy">Stays the caller's.</param>
internal sealed class RowEnergies(IEnergy energy) : IDisposable
{
    private readonly Dictionary<(double Vae, double Beta, double Adversarial, double Energy), (OnnxEnergy Energy, int Users)> _others = [];

    /// <summary>The energy for a row's settings: what they do not say of weights is the energy's own.</summary>
    /// <param name="settings">Of no effect where the energy is not one of networks.</param>
    /// <returns>To be given back by <see cref="Return"/>.</returns>
    public IEnergy Take(SearchSpec settings)
    {
        if (energy is not OnnxEnergy graphs)
            return energy;
        var weights = settings.Over(graphs.Weights);
        var key = Key(weights);
        if (key == Key(graphs.Weights))
            return graphs;
        var (own, users) = _others.GetValueOrDefault(key);
        own ??= graphs.WithWeights(weights);
        _others[key] = (own, users + 1);
        return own;
    }

    /// <summary>Gives back what a row took.</summary>
    public void Return(IEnergy taken)
    {
        if (ReferenceEquals(taken, energy) || taken is not OnnxEnergy own)
            return;
        var users = _others[Key(own.Weights)].Users - 1;
        if (users > 0)
        {
            _others[Key(own.Weights)] = (own, users);
            return;
        }

        _others.Remove(Key(own.Weights));
        own.Dispose();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (own, _) in _others.Values)
            own.Dispose();
        _others.Clear();
    }

    private static (double Vae, double Beta, double Adversarial, double Energy) Key(SearchSpec weights) =>
        (weights.Vae, weights.Beta, weights.Adversarial, weights.Energy);
}
