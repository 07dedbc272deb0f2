using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Search;
using TorchSharp;

namespace DiffeoNN.Onnx.Benchmarks;

/// <summary>The same energy by libtorch's autograd in float32: what there would be without a gradient graph.</summary>
internal sealed class TorchEnergy(TorchNetworks networks, SearchSpec scale) : IEnergy
{
    public IReadOnlyList<string> TermNames => ["vae", "adversarial"];

    public EnergyEvaluation Evaluate(torch.Tensor images, bool withGradient = true, CancellationToken cancellationToken = default)
    {
        using var scope = torch.NewDisposeScope();
        var y = images.detach().requires_grad_(withGradient);
        var terms = torch.stack([networks.Vae(y, scale.Beta), networks.Adversarial(y)], 1);
        var energy = (terms * torch.tensor(new[] { scale.Vae, scale.Adversarial }, terms.dtype)).sum(1);
        var gradient = withGradient ? torch.autograd.grad([energy], [y], [torch.ones_like(energy)])[0] : null;
        return new EnergyEvaluation(
            energy.detach().MoveToOuterDisposeScope(), terms.detach().MoveToOuterDisposeScope(), gradient?.MoveToOuterDisposeScope());
    }
}
