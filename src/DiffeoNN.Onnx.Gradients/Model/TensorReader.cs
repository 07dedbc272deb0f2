using System.Runtime.InteropServices;
using DiffeoNN.Onnx.Gradients.Proto;

namespace DiffeoNN.Onnx.Gradients;

/// <summary>Reads the format's tensors, whichever of its fields holds the elements.</summary>
internal static class TensorReader
{
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
            var count = new OnnxShapeSize(tensor.Name, dimensions).Count;
            return new OnnxTensor(tensor.Name, type, dimensions, external.Read(tensor, type.ByteCount(count)));
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
        var values = Read(sparse.Values, external);
        var indices = Read(sparse.Indices, external);
        long[] dimensions = [.. sparse.Dims];
        var size = new OnnxShapeSize(values.Name, dimensions);
        var width = (int)values.ElementType.ByteCount(1);
        var bytes = new byte[checked((int)Math.Max(0, values.ElementType.ByteCount(size.Count)))];
        var flat = indices.ToInt64Array();
        var rank = indices.Dimensions.Count == 2 ? dimensions.Length : 1;
        if (flat.Length != values.Count * rank)
            throw new OnnxModelException($"Sparse tensor '{values.Name}' has {flat.Length} indices for {values.Count} values; {values.Count * rank} were expected.");
        for (var i = 0; i < values.Count; i++)
        {
            var position = 0L;
            for (var d = 0; d < rank; d++)
                position = rank == 1 ? flat[i] : (position * dimensions[d]) + flat[(i * rank) + d];
            if (position < 0 || position >= size.Count)
                throw new OnnxModelException($"Sparse tensor '{values.Name}' has an index outside its shape [{string.Join(',', dimensions)}].");
            values.Data.Span.Slice(i * width, width).CopyTo(bytes.AsSpan((int)position * width));
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

    /// <summary>Number of elements of a shape, refused where it makes no sense.</summary>
    private readonly struct OnnxShapeSize
    {
        public OnnxShapeSize(string name, long[] dimensions)
        {
            Count = 1;
            foreach (var dimension in dimensions)
            {
                if (dimension < 0 || (dimension > 0 && Count > Array.MaxLength / dimension))
                    throw new OnnxModelException($"Tensor '{name}' has shape [{string.Join(',', dimensions)}], which this library cannot hold.");
                Count *= dimension;
            }
        }

        public long Count { get; }
    }
}
