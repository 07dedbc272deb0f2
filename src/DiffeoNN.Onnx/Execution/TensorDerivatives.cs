using System.Runtime.InteropServices;
using TorchSharp;

namespace DiffeoNN.Onnx.Execution;

/// <summary>Derivatives by libtorch's own differentiation, whose failures are exceptions.</summary>
/// <remarks>
/// TorchSharp hands libtorch's exceptions on from nearly every call, but those of <c>autograd.grad</c> leave native code where nothing
/// catches them, which ends the process; <c>autograd.backward</c> catches them. A test keeps the library from the former.
/// </remarks>
internal static class TensorDerivatives
{
    /// <summary>Derivatives of sum(upstream * output) over all outputs. What was recorded for them is freed.</summary>
    /// <param name="outputs">Tensors that require a gradient.</param>
    /// <param name="inputs">Tensors that require a gradient, each of them once; not differentiated by another thread meanwhile.</param>
    /// <param name="upstream">Shaped as the outputs.</param>
    /// <returns>One for each input, in the caller's dispose scope; null where no output depends on it.</returns>
    /// <exception cref="GraphException">A shape does not fit, or libtorch cannot differentiate; nothing is left of it.</exception>
    public static IReadOnlyList<torch.Tensor?> Of(
        IReadOnlyList<torch.Tensor> outputs, IReadOnlyList<torch.Tensor> inputs, IReadOnlyList<torch.Tensor> upstream)
    {
        foreach (var (output, gradient) in outputs.Zip(upstream))
        {
            if (!output.shape.SequenceEqual(gradient.shape))
            {
                throw new GraphException(
                    $"An output is {Shape(output)} and its upstream gradient {Shape(gradient)}; expected one shape.");
            }
        }

        Forget(inputs);
        try
        {
            torch.autograd.backward([.. outputs], [.. upstream], inputs: [.. inputs]);
            return [.. inputs.Select(input => input.grad)];
        }
        catch (ExternalException error)
        {
            throw new GraphException($"libtorch cannot differentiate: {error.Message.Trim().Split('\n')[0].TrimEnd('.', '\r')}.", error);
        }
        finally
        {
            Forget(inputs);
        }
    }

    /// <summary>The derivative of sum(upstream * output) by an input that the output depends on.</summary>
    /// <exception cref="GraphException">As above, or the output does not depend on the input.</exception>
    public static torch.Tensor Of(torch.Tensor output, torch.Tensor input, torch.Tensor upstream) => Of([output], [input], [upstream])[0]
        ?? throw new GraphException($"An output of shape {Shape(output)} does not depend on the input that it is differentiated by.");

    private static string Shape(torch.Tensor tensor) => $"[{string.Join(",", tensor.shape)}]";

    /// <summary>libtorch adds to the gradients that tensors hold.</summary>
    private static void Forget(IReadOnlyList<torch.Tensor> inputs)
    {
        foreach (var input in inputs) input.grad = null;
    }
}
