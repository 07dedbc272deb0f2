using DiffeoNN.Onnx.Serving.Protocol;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace DiffeoNN.Onnx.Serving.Repository;

/// <summary>Tensors of the protocol as ONNX Runtime's, and back.</summary>
internal static class OrtTensors
{
    private static readonly (DataType Type, TensorElementType Ort)[] Pairs =
    [
        (DataType.Bool, TensorElementType.Bool),
        (DataType.UInt8, TensorElementType.UInt8),
        (DataType.UInt16, TensorElementType.UInt16),
        (DataType.UInt32, TensorElementType.UInt32),
        (DataType.UInt64, TensorElementType.UInt64),
        (DataType.Int8, TensorElementType.Int8),
        (DataType.Int16, TensorElementType.Int16),
        (DataType.Int32, TensorElementType.Int32),
        (DataType.Int64, TensorElementType.Int64),
        (DataType.Fp16, TensorElementType.Float16),
        (DataType.Fp32, TensorElementType.Float),
        (DataType.Fp64, TensorElementType.Double),
        (DataType.Bytes, TensorElementType.String),
    ];

    /// <summary>The protocol's type; null where it has none.</summary>
    public static DataType? TypeOf(TensorElementType ort)
    {
        foreach (var pair in Pairs)
            if (pair.Ort == ort) return pair.Type;
        return null;
    }

    /// <summary>A copy for ONNX Runtime; the caller disposes it.</summary>
    public static OrtValue ToOrt(InferenceTensor tensor)
    {
        long[] shape = [.. tensor.Shape];
        if (tensor.Type == DataType.Bytes)
        {
            var texts = OrtValue.CreateTensorWithEmptyStrings(OrtAllocator.DefaultInstance, shape);
            for (var i = 0; i < tensor.Strings.Count; i++) texts.StringTensorSetElementAt(tensor.Strings[i].Span, i);
            return texts;
        }

        var value = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, Pairs[(int)tensor.Type].Ort, shape);
        tensor.Data.Span.CopyTo(value.GetTensorMutableRawData());
        return value;
    }

    /// <summary>A copy of what ONNX Runtime gave.</summary>
    public static InferenceTensor FromOrt(string name, OrtValue value)
    {
        var info = value.GetTensorTypeAndShape();
        var shape = info.Shape;
        var type = TypeOf(info.ElementDataType)
            ?? throw new ProtocolException(ErrorKind.Internal, $"Output '{name}' is {info.ElementDataType}, which the protocol lacks.");
        return type == DataType.Bytes
            ? InferenceTensor.OfTexts(name, shape, value.GetStringTensorAsArray())
            : InferenceTensor.OfRaw(name, type, shape, value.GetTensorMutableRawData().ToArray());
    }
}
