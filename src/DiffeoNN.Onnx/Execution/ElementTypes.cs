using Microsoft.ML.OnnxRuntime.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Execution;

/// <summary>Element types that ONNX Runtime and libtorch lay out alike.</summary>
internal static class ElementTypes
{
    private static readonly (TensorElementType Ort, torch.ScalarType Torch)[] Pairs =
    [
        (TensorElementType.Float, torch.ScalarType.Float32),
        (TensorElementType.Double, torch.ScalarType.Float64),
        (TensorElementType.Float16, torch.ScalarType.Float16),
        (TensorElementType.BFloat16, torch.ScalarType.BFloat16),
        (TensorElementType.Int64, torch.ScalarType.Int64),
        (TensorElementType.Int32, torch.ScalarType.Int32),
        (TensorElementType.Int16, torch.ScalarType.Int16),
        (TensorElementType.Int8, torch.ScalarType.Int8),
        (TensorElementType.UInt8, torch.ScalarType.Byte),
        (TensorElementType.Bool, torch.ScalarType.Bool),
    ];

    /// <summary>libtorch's type; null if it has none.</summary>
    public static torch.ScalarType? ToTorch(TensorElementType type)
    {
        foreach (var (ort, torchType) in Pairs)
            if (ort == type) return torchType;
        return null;
    }

    /// <summary>ONNX Runtime's type; null if it has none.</summary>
    public static TensorElementType? ToOrt(torch.ScalarType type)
    {
        foreach (var (ort, torchType) in Pairs)
            if (torchType == type) return ort;
        return null;
    }
}
