using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using TorchSharp;

namespace DiffeoNN.Onnx.Execution;

/// <summary>ONNX Runtime values over the memory of TorchSharp tensors.</summary>
/// <remarks>On CUDA the value points to device memory of the same GPU; that path could not be run where this library was built.</remarks>
internal static partial class TensorMemory
{
    /// <summary>A value over a tensor's memory, without a copy.</summary>
    /// <param name="tensor">Contiguous, on the CPU or a CUDA device; must outlive the value.</param>
    /// <returns>The caller disposes it; the tensor keeps its memory.</returns>
    public static OrtValue Share(torch.Tensor tensor)
    {
        using var gpu = tensor.device_type == DeviceType.CUDA
            ? new OrtMemoryInfo(OrtMemoryInfo.allocatorCUDA, OrtAllocatorType.DeviceAllocator, tensor.device_index, OrtMemType.Default)
            : null;
        var type = ElementTypes.ToOrt(tensor.dtype)!.Value;
        return OrtValue.CreateTensorValueWithData(
            gpu ?? OrtMemoryInfo.DefaultInstance, type, tensor.shape, Address(tensor), tensor.NumberOfElements * tensor.ElementSize);
    }

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

    /// <summary>Copies a value on the CPU into a new tensor.</summary>
    /// <param name="value">A tensor of one of <see cref="ElementTypes"/>.</param>
    public static torch.Tensor Copy(OrtValue value)
    {
        var description = value.GetTensorTypeAndShape();
        var type = ElementTypes.ToTorch(description.ElementDataType)!.Value;
        var tensor = torch.empty(description.Shape, dtype: type, device: torch.CPU);
        var bytes = tensor.NumberOfElements * tensor.ElementSize;
        if (bytes == 0) return tensor;
        unsafe
        {
            // A span's length is an int; a tensor's size need not be.
            fixed (byte* source = value.GetTensorMutableRawData())
                Buffer.MemoryCopy(source, (void*)Address(tensor), bytes, bytes);
        }

        return tensor;
    }

    // TorchSharp's own accessors read the CPU's memory only and at most 2 GiB.
    [LibraryImport("LibTorchSharp", EntryPoint = "THSTensor_data")]
    private static partial nint Data(nint tensor);
}
