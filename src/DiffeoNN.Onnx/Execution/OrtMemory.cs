using DiffeoNN.Onnx.Tensors;
using Microsoft.ML.OnnxRuntime;
using TorchSharp;

namespace DiffeoNN.Onnx.Execution;

/// <summary>ONNX Runtime values over the memory of TorchSharp tensors, and their copies.</summary>
internal static class OrtMemory
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
            gpu ?? OrtMemoryInfo.DefaultInstance, type, tensor.shape, TensorMemory.Address(tensor),
            tensor.NumberOfElements * tensor.ElementSize);
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
                Buffer.MemoryCopy(source, (void*)TensorMemory.Address(tensor), bytes, bytes);
        }

        return tensor;
    }
}
