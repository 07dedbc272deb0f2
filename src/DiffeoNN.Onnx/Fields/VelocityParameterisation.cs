using TorchSharp;

namespace DiffeoNN.Onnx.Fields;

/// <summary>What an optimiser turns instead of a velocity field itself: parameters, one set an image, and the lattice they give.</summary>
internal abstract class VelocityParameterisation : IDisposable
{
    private torch.Tensor[] _parameters = [];

    /// <summary>Leaf tensors that require gradients; the first dimension counts the images.</summary>
    public IReadOnlyList<torch.Tensor> Parameters => _parameters;

    /// <summary>The velocity's values on the lattice; differentiable by <see cref="Parameters"/>, zero at first.</summary>
    /// <returns>Shape (N, 2, h, w), component 0 is x, in the library's unit; the caller disposes it.</returns>
    public abstract torch.Tensor Evaluate();

    /// <summary>Keeps the parameters of some images only.</summary>
    /// <param name="images">Indices, int64, in rising order.</param>
    public void Select(torch.Tensor images)
    {
        using var noGradient = torch.no_grad();
        Own([.. _parameters.Select(parameter => parameter.index_select(0, images))]);
    }

    /// <inheritdoc/>
    public virtual void Dispose()
    {
        foreach (var parameter in _parameters)
            parameter.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Takes over tensors as parameters in place of those held so far.</summary>
    protected void Own(torch.Tensor[] parameters)
    {
        foreach (var parameter in _parameters)
            parameter.Dispose();
        _parameters = [.. parameters.Select(parameter => parameter.requires_grad_().DetachFromDisposeScope())];
    }
}
