using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Tensors;
using Microsoft.ML.OnnxRuntime.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Execution;

/// <summary>Tensors of models as tensors of libtorch, and back.</summary>
/// <remarks>libtorch computes little with unsigned integers of more than 8 bits:
/// they are carried by the next wider signed type (64 bits by 64 bits).</remarks>
internal static class TorchTensors
{
    /// <summary>The type that carries an element type; null where libtorch has none.</summary>
    public static torch.ScalarType? TypeOf(OnnxElementType type) => type switch
    {
        OnnxElementType.UInt16 => torch.ScalarType.Int32,
        OnnxElementType.UInt32 or OnnxElementType.UInt64 => torch.ScalarType.Int64,
        _ => SameTypeAs(type),
    };

    /// <summary>libtorch's own type of that layout; null where it has none.</summary>
    public static torch.ScalarType? SameTypeAs(OnnxElementType type) => ElementTypes.ToTorch((TensorElementType)type);

    /// <summary>The element type that libtorch's type has in a model.</summary>
    public static OnnxElementType TypeOf(torch.ScalarType type) => ElementTypes.ToOrt(type) is { } found
        ? (OnnxElementType)found
        : throw new GraphException($"Elements of type {type.ToString().ToLowerInvariant()} have no place in an ONNX tensor.");

    /// <summary>A copy on the CPU; the caller disposes it.</summary>
    /// <param name="tensor">The tensor.</param>
    /// <exception cref="GraphException">libtorch has no such element type.</exception>
    public static torch.Tensor ToTorch(OnnxTensor tensor)
    {
        var type = TypeOf(tensor.ElementType)
            ?? throw new GraphException(
                $"Tensor '{tensor.Name}' has elements of type {tensor.ElementType.ToString().ToLowerInvariant()}, which libtorch lacks.");
        if (tensor.ElementType is OnnxElementType.UInt16 or OnnxElementType.UInt32 or OnnxElementType.UInt64)
            tensor = OnnxTensor.Create<long>(tensor.Name, tensor.Dimensions, tensor.ToInt64Array());
        var result = torch.empty([.. tensor.Dimensions], dtype: tensor.ElementType == OnnxElementType.Int64 ? torch.ScalarType.Int64 : type,
            device: torch.CPU);
        var bytes = tensor.Data;
        if (bytes.Length == 0) return result;
        unsafe
        {
            bytes.Span.CopyTo(new Span<byte>((void*)TensorMemory.Address(result), bytes.Length));
        }

        return result.dtype == type ? result : result.to(type);
    }

    /// <summary>A copy as a tensor of a model.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="tensor">On any device; stays the caller's.</param>
    public static OnnxTensor FromTorch(string name, torch.Tensor tensor)
    {
        using var scope = torch.NewDisposeScope();
        var type = TypeOf(tensor.dtype);
        var here = tensor.detach().cpu().contiguous();
        var bytes = new byte[checked(here.NumberOfElements * here.ElementSize)];
        unsafe
        {
            new ReadOnlySpan<byte>((void*)TensorMemory.Address(here), bytes.Length).CopyTo(bytes);
        }

        return new OnnxTensor(name, type, tensor.shape, bytes);
    }
}
