using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;
using static TorchSharp.torch.nn;

namespace DiffeoNN.Onnx.Benchmarks;

/// <summary>The networks in libtorch, differentiated by autograd: the energy of the published recipe in float64.</summary>
internal sealed class TorchNetworks : IDisposable
{
    private readonly int _bottom;
    private readonly List<(torch.Tensor Weight, torch.Tensor Bias)> _encoder;
    private readonly List<(torch.Tensor Weight, torch.Tensor Bias)> _decoder;
    private readonly List<(torch.Tensor Weight, torch.Tensor Bias)> _critic;
    private readonly (torch.Tensor Weight, torch.Tensor Bias) _mean;
    private readonly (torch.Tensor Weight, torch.Tensor Bias) _logVariance;
    private readonly (torch.Tensor Weight, torch.Tensor Bias) _fromLatent;

    public TorchNetworks(ReferenceNetworks networks, torch.ScalarType type)
    {
        _bottom = networks.Bottom;
        (torch.Tensor, torch.Tensor) Load(Layer layer) =>
            (torch.tensor(layer.Weight, layer.Shape).to_type(type).DetachFromDisposeScope(),
             torch.tensor(layer.Bias).to_type(type).DetachFromDisposeScope());
        using var scope = torch.NewDisposeScope();
        _encoder = [.. networks.Encoder.Select(Load)];
        _decoder = [.. networks.Decoder.Select(Load)];
        _critic = [.. networks.Critic.Select(Load)];
        (_mean, _logVariance, _fromLatent) = (Load(networks.Mean), Load(networks.LogVariance), Load(networks.FromLatent));
    }

    /// <summary>sum (y - reconstruction)^2 + beta KL, of the posterior mean; shape (N).</summary>
    public torch.Tensor Vae(torch.Tensor y, double beta)
    {
        using var scope = torch.NewDisposeScope();
        var h = y;
        foreach (var (weight, bias) in _encoder)
            h = functional.conv2d(h, weight, bias, strides: [2, 2], padding: [1, 1]).relu();
        h = h.flatten(1);
        var mean = functional.linear(h, _mean.Weight, _mean.Bias);
        var logVariance = functional.linear(h, _logVariance.Weight, _logVariance.Bias);
        var d = functional.linear(mean, _fromLatent.Weight, _fromLatent.Bias).relu().view(y.size(0), -1, _bottom, _bottom);
        for (var i = 0; i < _decoder.Count; i++)
        {
            d = functional.conv_transpose2d(d, _decoder[i].Weight, _decoder[i].Bias, strides: [2, 2], padding: [1, 1]);
            d = i < _decoder.Count - 1 ? d.relu() : d.sigmoid();
        }

        var divergence = mean.Squared().Plus(logVariance.exp()).Plus(-1).Plus(-logVariance).sum(1).Times(0.5);
        return y.Plus(-d).Squared().sum([1, 2, 3]).Plus(divergence.Times(beta)).MoveToOuterDisposeScope();
    }

    /// <summary>Mean of the critic over pixels; shape (N).</summary>
    public torch.Tensor Adversarial(torch.Tensor y)
    {
        using var scope = torch.NewDisposeScope();
        var h = y;
        for (var i = 0; i < _critic.Count; i++)
        {
            var input = i == 0 ? y : torch.cat([h, y], 1);
            h = functional.conv2d(input, _critic[i].Weight, _critic[i].Bias, padding: [2, 2]);
            if (i < _critic.Count - 1)
                h = h.relu();
        }

        return h.mean([1, 2, 3]).MoveToOuterDisposeScope();
    }

    public void Dispose()
    {
        foreach (var (weight, bias) in _encoder.Concat(_decoder).Concat(_critic).Append(_mean).Append(_logVariance).Append(_fromLatent))
        {
            weight.Dispose();
            bias.Dispose();
        }
    }
}
