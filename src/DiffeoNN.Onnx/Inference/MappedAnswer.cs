using TorchSharp;

namespace DiffeoNN.Onnx.Inference;

/// <summary>A network's answer on a canonical image, and the way back; owns its tensors, which belong to no dispose scope.</summary>
internal sealed class MappedAnswer : IDisposable
{
    /// <summary>Takes an answer.</summary>
    /// <param name="output">Shape (1, ...): the network's output after its activation.</param>
    /// <param name="displacement">Canonical to input, (1, 2, H, W); null where the image was not warped.</param>
    /// <param name="inverse">Input to canonical, (1, 2, H, W); null where the image was not warped.</param>
    public MappedAnswer(torch.Tensor output, torch.Tensor? displacement, torch.Tensor? inverse)
    {
        Output = output.alias().DetachFromDisposeScope();
        Displacement = displacement?.alias().DetachFromDisposeScope();
        Inverse = inverse?.alias().DetachFromDisposeScope();
    }

    /// <summary>The network's output after its activation.</summary>
    public torch.Tensor Output { get; }

    /// <summary>Canonical to input; null where the image was not warped.</summary>
    public torch.Tensor? Displacement { get; }

    /// <summary>Input to canonical; null where the image was not warped.</summary>
    public torch.Tensor? Inverse { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Output.Dispose();
        Displacement?.Dispose();
        Inverse?.Dispose();
    }
}
