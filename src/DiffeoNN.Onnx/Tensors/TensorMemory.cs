using System.Runtime.InteropServices;
using TorchSharp;

namespace DiffeoNN.Onnx.Tensors;

/// <summary>The memory of TorchSharp tensors.</summary>
internal static partial class TensorMemory
{
    /// <summary>Address of a tensor's first element.</summary>
    public static nint Address(torch.Tensor tensor) => Data(tensor.Handle);

    /// <summary>A tensor's numbers in order; TorchSharp's own accessor takes 50 times as long.</summary>
    /// <param name="tensor">float32, contiguous, on the CPU.</param>
    /// <param name="target">As many numbers as there are.</param>
    /// <param name="first">The first number that is copied.</param>
    public static unsafe void CopyTo(torch.Tensor tensor, Span<float> target, long first = 0)
    {
        new ReadOnlySpan<float>((float*)Address(tensor) + first, target.Length).CopyTo(target);
        GC.KeepAlive(tensor);
    }

    /// <summary>A tensor of numbers in order.</summary>
    /// <param name="shape">Its sizes.</param>
    /// <param name="fill">Is called for each element of the first dimension, to write its numbers.</param>
    public static unsafe torch.Tensor Filled(long[] shape, Action<int, nint> fill)
    {
        var tensor = torch.empty(shape, dtype: torch.float32, device: torch.CPU);
        var (address, length) = (Address(tensor), tensor.NumberOfElements / Math.Max(1, shape[0]));
        for (var i = 0; i < shape[0]; i++) fill(i, address + (nint)(i * length * sizeof(float)));
        return tensor;
    }

    // TorchSharp's own accessors read the CPU's memory only and at most 2 GiB.
    [LibraryImport("LibTorchSharp", EntryPoint = "THSTensor_data")]
    private static partial nint Data(nint tensor);
}
