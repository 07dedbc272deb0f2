namespace DiffeoNN.Onnx.Serving.Protocol;

/// <summary>The one table of element types: the protocol's word, .NET's type, size.</summary>
public static class DataTypes
{
    private static readonly (DataType Type, string Word, Type Element, int Size)[] Rows =
    [
        (DataType.Bool, "BOOL", typeof(bool), 1),
        (DataType.UInt8, "UINT8", typeof(byte), 1),
        (DataType.UInt16, "UINT16", typeof(ushort), 2),
        (DataType.UInt32, "UINT32", typeof(uint), 4),
        (DataType.UInt64, "UINT64", typeof(ulong), 8),
        (DataType.Int8, "INT8", typeof(sbyte), 1),
        (DataType.Int16, "INT16", typeof(short), 2),
        (DataType.Int32, "INT32", typeof(int), 4),
        (DataType.Int64, "INT64", typeof(long), 8),
        (DataType.Fp16, "FP16", typeof(Half), 2),
        (DataType.Fp32, "FP32", typeof(float), 4),
        (DataType.Fp64, "FP64", typeof(double), 8),
        (DataType.Bytes, "BYTES", typeof(byte[]), 0),
    ];

    /// <summary>The protocol's word.</summary>
    /// <param name="type">Which.</param>
    public static string Word(this DataType type) => Rows[(int)type].Word;

    /// <summary>Bytes of an element; 0 for <see cref="DataType.Bytes"/>, whose elements have lengths of their own.</summary>
    /// <param name="type">Which.</param>
    public static int Size(this DataType type) => Rows[(int)type].Size;

    /// <summary>The type of a word.</summary>
    /// <param name="word">As the protocol writes it, in capitals.</param>
    /// <returns>Null where there is none.</returns>
    public static DataType? Parse(string word)
    {
        foreach (var row in Rows)
            if (row.Word == word) return row.Type;
        return null;
    }

    /// <summary>The type whose elements are <typeparamref name="T"/> in .NET.</summary>
    /// <typeparam name="T">Of an element.</typeparam>
    /// <exception cref="NotSupportedException">There is none.</exception>
    public static DataType Of<T>()
        where T : unmanaged
    {
        foreach (var row in Rows)
            if (row.Element == typeof(T)) return row.Type;
        throw new NotSupportedException($"No data type of the protocol has elements of {typeof(T).Name}.");
    }

    /// <summary>All words, for messages.</summary>
    internal static string Words { get; } = string.Join(", ", Rows.Select(row => row.Word));
}
