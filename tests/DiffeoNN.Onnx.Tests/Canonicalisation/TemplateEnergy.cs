using DiffeoNN.Onnx.Energies;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Canonicalisation;

/// <summary>A toy energy: the squared distance of each image to one known template, mean over pixels.</summary>
internal sealed class TemplateEnergy(torch.Tensor template) : IEnergy
{
    public IReadOnlyList<string> TermNames => ["distance"];

    /// <summary>Batch size of each evaluation so far.</summary>
    public List<int> Batches { get; } = [];

    /// <summary>Whether each evaluation so far asked for a gradient.</summary>
    public List<bool> GradientsAsked { get; } = [];

    /// <summary>Called before each evaluation with its number.</summary>
    public Action<int>? Before { get; init; }

    /// <summary>Changes energies (N) or gradient (N, C, H, W) of the evaluation with the given number.</summary>
    public Action<int, torch.Tensor, torch.Tensor>? Spoil { get; init; }

    public EnergyEvaluation Evaluate(torch.Tensor images, bool withGradient = true, CancellationToken cancellationToken = default)
    {
        Before?.Invoke(Batches.Count);
        using var noGradient = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var difference = images - template;
        var energy = difference.square().mean([1, 2, 3]);
        var gradient = difference * (2.0 / (images.numel() / images.size(0)));
        Spoil?.Invoke(Batches.Count, energy, gradient);
        Batches.Add((int)images.size(0));
        GradientsAsked.Add(withGradient);
        return new EnergyEvaluation(
            energy.DetachFromDisposeScope(),
            energy.unsqueeze(1).clone().DetachFromDisposeScope(),
            withGradient ? gradient.DetachFromDisposeScope() : null);
    }
}
