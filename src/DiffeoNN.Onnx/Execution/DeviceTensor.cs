using DiffeoNN.Onnx.Imaging;
using Microsoft.ML.OnnxRuntime;
using TorchSharp;

namespace DiffeoNN.Onnx.Execution;

/// <summary>A tensor where ONNX Runtime keeps it: in the memory of the device of its graphs, or in the CPU's.</summary>
internal sealed class DeviceTensor : IDisposable
{
    private readonly torch.Tensor? _memory;

    private DeviceTensor(OrtValue value, torch.Tensor? memory)
    {
        (Value, _memory) = (value, memory);
        Shape = value.GetTensorTypeAndShape().Shape;
    }

    /// <summary>The value.</summary>
    public OrtValue Value { get; }

    /// <summary>Its sizes.</summary>
    public long[] Shape { get; }

    /// <summary>Takes over a value that a graph made.</summary>
    public static DeviceTensor Own(OrtValue value) => new(value, null);

    /// <summary>A value over a tensor's memory, which stays in use until this is disposed.</summary>
    /// <param name="tensor">On the CPU; copied if it is not contiguous.</param>
    public static DeviceTensor Of(torch.Tensor tensor)
    {
        var memory = (tensor.is_contiguous() ? tensor.alias() : tensor.contiguous()).DetachFromDisposeScope();
        return new DeviceTensor(OrtMemory.Share(memory), memory);
    }

    /// <summary>Numbers from the host.</summary>
    public static DeviceTensor Of<T>(T[] values, params long[] shape)
        where T : unmanaged => new(OrtValue.CreateTensorValueFromMemory(values, shape), null);

    /// <summary>Its numbers; it must lie in the CPU's memory.</summary>
    public T[] ToArray<T>()
        where T : unmanaged => Value.GetTensorDataAsSpan<T>().ToArray();

    /// <summary>One image of a batch (N, C, H, W) of float32; it must lie in the CPU's memory.</summary>
    public unsafe ImageBuffer ToImage(int row)
    {
        var (channels, height, width) = ((int)Shape[1], (int)Shape[2], (int)Shape[3]);
        var length = channels * height * width;
        var pixels = GC.AllocateUninitializedArray<float>(length);
        // A span's length is an int; a batch's need not be.
        fixed (byte* data = Value.GetTensorMutableRawData())
            new ReadOnlySpan<float>((float*)data + ((long)row * length), length).CopyTo(pixels);
        return new ImageBuffer(channels, height, width, pixels);
    }

    /// <summary>A copy as a tensor; it must lie in the CPU's memory.</summary>
    public torch.Tensor ToTensor() => OrtMemory.Copy(Value);

    /// <inheritdoc/>
    public void Dispose()
    {
        Value.Dispose();
        _memory?.Dispose();
    }
}
