using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>Adam over batched parameters: the first dimension counts images, and images can leave.</summary>
/// <remarks>m = 0.9 m + 0.1 g, s = 0.999 s + 0.001 g^2, both corrected for their start at zero; p -= rate m / (sqrt(s) + 1e-8).
/// Kingma and Ba, ICLR 2015.</remarks>
internal sealed class Adam : IDisposable
{
    private const double Beta1 = 0.9;
    private const double Beta2 = 0.999;
    private const double Epsilon = 1e-8;

    private readonly double _learningRate;
    private torch.Tensor[] _means;
    private torch.Tensor[] _squares;
    private int _steps;

    /// <summary>Moments of zero for each parameter.</summary>
    public Adam(IReadOnlyList<torch.Tensor> parameters, double learningRate)
    {
        _learningRate = learningRate;
        _means = [.. parameters.Select(parameter => torch.zeros_like(parameter).DetachFromDisposeScope())];
        _squares = [.. parameters.Select(parameter => torch.zeros_like(parameter).DetachFromDisposeScope())];
    }

    /// <summary>One update in place.</summary>
    public void Step(IReadOnlyList<torch.Tensor> parameters, IReadOnlyList<torch.Tensor> gradients)
    {
        using var noGradient = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        _steps++;
        // p -= rate / c1 * m / (sqrt(s / c2) + eps), with both corrections folded into scalars.
        var root = Math.Sqrt(1 - Math.Pow(Beta2, _steps));
        var rate = _learningRate * root / (1 - Math.Pow(Beta1, _steps));
        for (var i = 0; i < parameters.Count; i++)
        {
            var (mean, square, gradient) = (_means[i], _squares[i], gradients[i]);
            mean.MultiplyInPlace(Beta1).AddInPlace(gradient, 1 - Beta1);
            square.MultiplyInPlace(Beta2).AddProductInPlace(gradient, gradient, 1 - Beta2);
            parameters[i].AddQuotientInPlace(mean, square.sqrt().AddInPlace(Epsilon * root), -rate);
        }
    }

    /// <summary>Keeps the moments of some images only.</summary>
    /// <param name="images">Indices, int64, in rising order.</param>
    public void Select(torch.Tensor images)
    {
        _means = Select(_means, images);
        _squares = Select(_squares, images);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var moment in _means.Concat(_squares))
            moment.Dispose();
    }

    private static torch.Tensor[] Select(torch.Tensor[] moments, torch.Tensor images)
    {
        torch.Tensor[] kept = [.. moments.Select(moment => moment.index_select(0, images).DetachFromDisposeScope())];
        foreach (var moment in moments)
            moment.Dispose();
        return kept;
    }
}
