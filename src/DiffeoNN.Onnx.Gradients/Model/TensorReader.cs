using System.Runtime.InteropServices;
using DiffeoNN.Onnx.Gradients.Proto;

namespace DiffeoNN.Onnx.Gradients;

/// <summary>Reads the format's tensors, whichever of its fields holds the elements.</summary>
internal static class TensorReader
{
    /// <summary>External tensors of at most this many bytes are read with the model.</summary>
    private const int ReadAtOnce = 1 << 16;

    /// <summary>Sparse tensors whose dense form takes more bytes are refused.</summary>
    private const long DenseLimit = 1L << 30;

    public static OnnxTensor Read(TensorProto tensor, ExternalData external)
    {
        var type = (OnnxElementType)tensor.DataType;
        long[] dimensions = [.. tensor.Dims];
        if (type == OnnxElementType.String)
            return OnnxTensor.OfStrings(tensor.Name, dimensions, [.. tensor.StringData.Select(s => s.ToByteArray())]);
        if (tensor.Segment is not null)
            throw new OnnxModelException($"Tensor '{tensor.Name}' is stored in segments; store it whole.");
        if (tensor.DataLocation == 1)
        {
            var size = type.ByteCount(OnnxTensor.CountOf(tensor.Name, dimensions));
            if (size < 0)
                throw new OnnxModelException(
                    $"Tensor '{tensor.Name}' has element type {tensor.DataType}, which this library does not know.");
            var bytes = external.Find(tensor, size);
            return size > ReadAtOnce
                ? new OnnxTensor(tensor.Name, type, dimensions, bytes)
                : new OnnxTensor(tensor.Name, type, dimensions, bytes.Read());
        }

        if (tensor.HasRawData && tensor.RawData.Length > 0)
            return new OnnxTensor(tensor.Name, type, dimensions, tensor.RawData.Memory);
        return new OnnxTensor(tensor.Name, type, dimensions, Typed(tensor, type));
    }

    /// <summary>The dense form of a sparse tensor: every element that is not listed is zero.</summary>
    public static OnnxTensor Read(SparseTensorProto sparse, ExternalData external)
    {
        if (sparse.Values is null || sparse.Indices is null)
            throw new OnnxModelException("A sparse tensor lacks its values or its indices.");
        var (values, indices) = (Read(sparse.Values, external), Read(sparse.Indices, external));
        long[] dimensions = [.. sparse.Dims];
        var count = OnnxTensor.CountOf(values.Name, dimensions);
        var shape = $"shape [{string.Join(',', dimensions)}]";
        var width = values.ElementType.ByteCount(1);
        if (width < 1 || values.ElementType.ByteCount(2) != 2 * width || values.Dimensions.Count != 1)
            throw new OnnxModelException($"Sparse tensor '{values.Name}' has values of type {values.ElementType} and rank "
                + $"{values.Dimensions.Count}; a list of numbers was expected.");
        if (values.ElementType.ByteCount(count) > DenseLimit)
            throw new OnnxModelException($"Sparse tensor '{values.Name}' of {shape} takes more than {DenseLimit} bytes in dense form, in "
                + "which this library keeps it.");
        var flat = indices.ToInt64Array();
        var rank = indices.Dimensions.Count == 2 ? dimensions.Length : 1;
        if (indices.Dimensions.Count is 0 or > 2 || flat.Length != values.Count * rank)
            throw new OnnxModelException(
                $"Sparse tensor '{values.Name}' has {flat.Length} indices for {values.Count} values; {values.Count * rank} were expected.");
        var bytes = new byte[values.ElementType.ByteCount(count)];
        var last = -1L;
        for (var i = 0; i < values.Count; i++)
        {
            var index = flat.AsSpan(i * rank, rank);
            var position = indices.Dimensions.Count == 1 ? index[0] : 0;
            for (var d = 0; d < rank && indices.Dimensions.Count == 2; d++)
                position = index[d] >= 0 && index[d] < dimensions[d] ? (position * dimensions[d]) + index[d] : -1 - count;
            if (position < 0 || position >= count)
                throw new OnnxModelException(
                    $"Sparse tensor '{values.Name}' has index [{string.Join(',', index.ToArray())}] outside its {shape}.");
            if (position <= last)
                throw new OnnxModelException($"Sparse tensor '{values.Name}' has indices that do not ascend at value {i}.");
            last = position;
            values.Data.Span.Slice(i * (int)width, (int)width).CopyTo(bytes.AsSpan((int)(position * width)));
        }

        return new OnnxTensor(values.Name, values.ElementType, dimensions, bytes);
    }

    private static byte[] Typed(TensorProto tensor, OnnxElementType type) => type switch
    {
        OnnxElementType.Float or OnnxElementType.Complex64 => Bytes<float>([.. tensor.FloatData]),
        OnnxElementType.Double or OnnxElementType.Complex128 => Bytes<double>([.. tensor.DoubleData]),
        OnnxElementType.Int64 => Bytes<long>([.. tensor.Int64Data]),
        OnnxElementType.UInt64 => Bytes<ulong>([.. tensor.Uint64Data]),
        OnnxElementType.UInt32 => Bytes<uint>([.. tensor.Uint64Data.Select(v => unchecked((uint)v))]),
        OnnxElementType.Int32 => Bytes<int>([.. tensor.Int32Data]),
        OnnxElementType.Int16 or OnnxElementType.UInt16 or OnnxElementType.Float16 or OnnxElementType.BFloat16 =>
            Bytes<ushort>([.. tensor.Int32Data.Select(v => unchecked((ushort)v))]),
        _ => [.. tensor.Int32Data.Select(v => unchecked((byte)v))],
    };

    private static byte[] Bytes<T>(T[] values)
        where T : unmanaged => MemoryMarshal.AsBytes<T>(values).ToArray();
}
