using System.Runtime.InteropServices;
using System.Text;

namespace DiffeoNN.Onnx.Gradients;

/// <summary>A constant tensor, row by row, elements little-endian. Immutable.</summary>
public sealed partial class OnnxTensor
{
    private readonly long[] _dimensions;
    private readonly ReadOnlyMemory<byte> _data;

    /// <summary>Creates a tensor over raw bytes, which must not change afterwards.</summary>
    /// <param name="name">Its name; may be empty.</param>
    /// <param name="elementType">Its element type, not <see cref="OnnxElementType.String"/>.</param>
    /// <param name="dimensions">Its shape; empty for a scalar.</param>
    /// <param name="data">The elements, little-endian.</param>
    /// <exception cref="OnnxModelException">A dimension is negative or the number of bytes does not fit the shape.</exception>
    public OnnxTensor(string name, OnnxElementType elementType, IEnumerable<long> dimensions, ReadOnlyMemory<byte> data)
    {
        Name = name;
        ElementType = elementType;
        _dimensions = [.. dimensions];
        Count = CountOf(name, _dimensions);
        _data = data;
        ByteLength = data.Length;
        var expected = Sized(name, elementType, Count);
        if (expected < 0)
            throw new OnnxModelException($"Tensor '{name}' has element type {(int)elementType}, which this library does not know.");
        if (data.Length != expected)
            throw new OnnxModelException(
                $"Tensor '{name}' of shape [{string.Join(',', _dimensions)}] and type {elementType} has {data.Length} bytes; "
                + $"{expected} were expected.");
    }

    /// <summary>Creates a tensor whose elements lie in a file.</summary>
    internal OnnxTensor(string name, OnnxElementType elementType, IEnumerable<long> dimensions, ExternalBytes external)
    {
        Name = name;
        ElementType = elementType;
        _dimensions = [.. dimensions];
        Count = CountOf(name, _dimensions);
        External = external;
        ByteLength = external.Length;
        if (ByteLength != elementType.ByteCount(Count))
            throw new OnnxModelException(
                $"Tensor '{name}' of shape [{string.Join(',', _dimensions)}] and type {elementType} has {ByteLength} bytes; "
                + $"{elementType.ByteCount(Count)} were expected.");
    }

    private OnnxTensor(string name, long[] dimensions, byte[][] strings)
    {
        Name = name;
        ElementType = OnnxElementType.String;
        _dimensions = dimensions;
        Count = CountOf(name, dimensions);
        StringData = strings;
        if (strings.Length != Count)
            throw new OnnxModelException(
                $"Tensor '{name}' has {strings.Length} texts; its shape [{string.Join(',', dimensions)}] needs {Count}.");
    }

    /// <summary>The tensor's name; may be empty.</summary>
    public string Name { get; }

    /// <summary>Its element type.</summary>
    public OnnxElementType ElementType { get; }

    /// <summary>Its shape; empty for a scalar.</summary>
    public IReadOnlyList<long> Dimensions => _dimensions;

    /// <summary>Number of elements.</summary>
    public long Count { get; }

    /// <summary>The elements, little-endian; empty for texts. Where they lie in a file beside the model they are read now.</summary>
    /// <exception cref="OnnxModelException">They cannot be read, or are more than one array holds.</exception>
    public ReadOnlyMemory<byte> Data => External?.Read() ?? _data;

    /// <summary>Number of bytes that the elements take; known without reading them.</summary>
    public long ByteLength { get; }

    /// <summary>Where the elements lie in a file beside the model; null where they are in memory.</summary>
    internal ExternalBytes? External { get; }

    /// <summary>The texts of a tensor of texts, UTF-8; null for every other type.</summary>
    internal byte[][]? StringData { get; }

    /// <summary>A tensor of the given elements.</summary>
    /// <typeparam name="T">float, double, Half, bool or an integer type.</typeparam>
    /// <param name="name">Its name; may be empty.</param>
    /// <param name="dimensions">Its shape; empty for a scalar.</param>
    /// <param name="values">The elements, row by row; copied.</param>
    /// <exception cref="OnnxModelException">The number of elements does not fit the shape.</exception>
    public static OnnxTensor Create<T>(string name, IEnumerable<long> dimensions, ReadOnlySpan<T> values)
        where T : unmanaged => new(name, TypeOf<T>(), dimensions, MemoryMarshal.AsBytes(values).ToArray());

    /// <summary>A scalar.</summary>
    /// <typeparam name="T">float, double, Half, bool or an integer type.</typeparam>
    /// <param name="name">Its name; may be empty.</param>
    /// <param name="value">Its value.</param>
    public static OnnxTensor Scalar<T>(string name, T value)
        where T : unmanaged => Create<T>(name, [], [value]);

    /// <summary>A vector of 64-bit integers, as shapes and axes are given.</summary>
    /// <param name="name">Its name; may be empty.</param>
    /// <param name="values">The elements; copied.</param>
    public static OnnxTensor Int64s(string name, params ReadOnlySpan<long> values) => Create(name, [values.Length], values);

    /// <summary>A tensor of the given element type from doubles, rounded to that type.</summary>
    /// <param name="name">Its name; may be empty.</param>
    /// <param name="elementType">A float, integer or truth-value type.</param>
    /// <param name="dimensions">Its shape; empty for a scalar.</param>
    /// <param name="values">The elements, row by row.</param>
    /// <exception cref="OnnxModelException">The type is not numeric or the number of elements does not fit the shape.</exception>
    public static OnnxTensor FromDoubles(
        string name, OnnxElementType elementType, IEnumerable<long> dimensions, ReadOnlySpan<double> values)
    {
        var bytes = new byte[Math.Max(0, Sized(name, elementType, values.Length))];
        switch (elementType)
        {
            case OnnxElementType.Float: Fill<float>(bytes, values, static v => (float)v); break;
            case OnnxElementType.Double: Fill<double>(bytes, values, static v => v); break;
            case OnnxElementType.Float16: Fill<Half>(bytes, values, static v => (Half)v); break;
            case OnnxElementType.BFloat16: Fill<ushort>(bytes, values, BFloat16.FromDouble); break;
            case OnnxElementType.Int64: Fill<long>(bytes, values, static v => (long)v); break;
            case OnnxElementType.Int32: Fill<int>(bytes, values, static v => (int)v); break;
            case OnnxElementType.Int16: Fill<short>(bytes, values, static v => (short)v); break;
            case OnnxElementType.Int8: Fill<sbyte>(bytes, values, static v => (sbyte)v); break;
            case OnnxElementType.UInt8: Fill<byte>(bytes, values, static v => (byte)v); break;
            case OnnxElementType.UInt16: Fill<ushort>(bytes, values, static v => (ushort)v); break;
            case OnnxElementType.UInt32: Fill<uint>(bytes, values, static v => (uint)v); break;
            case OnnxElementType.UInt64: Fill<ulong>(bytes, values, static v => (ulong)v); break;
            case OnnxElementType.Bool: Fill<byte>(bytes, values, static v => v != 0 ? (byte)1 : (byte)0); break;
            default: throw new OnnxModelException($"Tensor '{name}' has type {elementType}; a numeric type was expected.");
        }

        return new OnnxTensor(name, elementType, dimensions, bytes);
    }

    /// <summary>The elements as they are stored.</summary>
    /// <typeparam name="T">The type that matches <see cref="ElementType"/>.</typeparam>
    /// <exception cref="OnnxModelException">The tensor has another element type.</exception>
    public T[] ToArray<T>()
        where T : unmanaged => TypeOf<T>() == ElementType
            ? MemoryMarshal.Cast<byte, T>(Data.Span).ToArray()
            : throw new OnnxModelException($"Tensor '{Name}' has type {ElementType}; {TypeOf<T>()} was asked for.");

    /// <summary>The elements of an integer or truth-value tensor, widened.</summary>
    /// <exception cref="OnnxModelException">The tensor holds something else.</exception>
    public long[] ToInt64Array() => ElementType switch
    {
        OnnxElementType.Int64 => ToArray<long>(),
        OnnxElementType.Int32 => Array.ConvertAll(ToArray<int>(), static v => (long)v),
        OnnxElementType.Int16 => Array.ConvertAll(ToArray<short>(), static v => (long)v),
        OnnxElementType.Int8 => Array.ConvertAll(ToArray<sbyte>(), static v => (long)v),
        OnnxElementType.UInt8 or OnnxElementType.Bool => Array.ConvertAll(Data.ToArray(), static v => (long)v),
        OnnxElementType.UInt16 => Array.ConvertAll(ToArray<ushort>(), static v => (long)v),
        OnnxElementType.UInt32 => Array.ConvertAll(ToArray<uint>(), static v => (long)v),
        OnnxElementType.UInt64 => Array.ConvertAll(ToArray<ulong>(), static v => unchecked((long)v)),
        _ => throw new OnnxModelException($"Tensor '{Name}' has type {ElementType}; integers were expected."),
    };

    /// <summary>The elements of a numeric tensor, widened to doubles.</summary>
    /// <exception cref="OnnxModelException">The tensor is not numeric.</exception>
    public double[] ToDoubleArray() => ElementType switch
    {
        OnnxElementType.Float => Array.ConvertAll(ToArray<float>(), static v => (double)v),
        OnnxElementType.Double => ToArray<double>(),
        OnnxElementType.Float16 => Array.ConvertAll(ToArray<Half>(), static v => (double)v),
        OnnxElementType.UInt64 => Array.ConvertAll(ToArray<ulong>(), static v => (double)v),
        OnnxElementType.BFloat16 => Array.ConvertAll(
            MemoryMarshal.Cast<byte, ushort>(Data.Span).ToArray(), BFloat16.ToDouble),
        _ => Array.ConvertAll(ToInt64Array(), static v => (double)v),
    };

    /// <summary>The texts of a tensor of texts.</summary>
    /// <exception cref="OnnxModelException">The tensor holds something else.</exception>
    public string[] ToStringArray() => StringData is { } strings
        ? Array.ConvertAll(strings, Encoding.UTF8.GetString)
        : throw new OnnxModelException($"Tensor '{Name}' has type {ElementType}; texts were expected.");

    /// <summary>The same elements under another name.</summary>
    /// <param name="name">The new name.</param>
    public OnnxTensor WithName(string name) => name == Name ? this
        : StringData is { } strings ? new OnnxTensor(name, _dimensions, strings)
        : External is not null ? new OnnxTensor(name, ElementType, _dimensions, External)
        : new OnnxTensor(name, ElementType, _dimensions, _data);

    /// <summary>The same elements in another shape.</summary>
    /// <param name="dimensions">A shape with as many elements.</param>
    /// <exception cref="OnnxModelException">The number of elements differs.</exception>
    public OnnxTensor WithShape(params IEnumerable<long> dimensions) =>
        External is not null ? new(Name, ElementType, dimensions, External) : new(Name, ElementType, dimensions, _data);

    internal static OnnxTensor OfStrings(string name, long[] dimensions, byte[][] strings) => new(name, dimensions, strings);

    private static OnnxElementType TypeOf<T>() =>
        typeof(T) == typeof(float) ? OnnxElementType.Float
        : typeof(T) == typeof(double) ? OnnxElementType.Double
        : typeof(T) == typeof(Half) ? OnnxElementType.Float16
        : typeof(T) == typeof(long) ? OnnxElementType.Int64
        : typeof(T) == typeof(int) ? OnnxElementType.Int32
        : typeof(T) == typeof(short) ? OnnxElementType.Int16
        : typeof(T) == typeof(sbyte) ? OnnxElementType.Int8
        : typeof(T) == typeof(byte) ? OnnxElementType.UInt8
        : typeof(T) == typeof(ushort) ? OnnxElementType.UInt16
        : typeof(T) == typeof(uint) ? OnnxElementType.UInt32
        : typeof(T) == typeof(ulong) ? OnnxElementType.UInt64
        : typeof(T) == typeof(bool) ? OnnxElementType.Bool
        : throw new ArgumentException($"{typeof(T)} is no element type of ONNX tensors.");

    private static void Fill<T>(byte[] bytes, ReadOnlySpan<double> values, Func<double, T> convert)
        where T : unmanaged
    {
        var target = MemoryMarshal.Cast<byte, T>(bytes.AsSpan());
        for (var i = 0; i < values.Length; i++)
            target[i] = convert(values[i]);
    }

    internal static long CountOf(string name, long[] dimensions)
    {
        var count = 1L;
        foreach (var dimension in dimensions)
        {
            if (dimension < 0)
                throw new OnnxModelException(
                    $"Tensor '{name}' has shape [{string.Join(',', dimensions)}]; dimensions must not be negative.");
            if (dimension > 0 && count > long.MaxValue / 32 / dimension)
                throw new OnnxModelException($"Tensor '{name}' has shape [{string.Join(',', dimensions)}], which no memory can hold.");
            count *= dimension;
        }

        return count;
    }

    private static long Sized(string name, OnnxElementType type, long count)
    {
        var size = type.ByteCount(count);
        return size <= Array.MaxLength ? size
            : throw new OnnxModelException($"Tensor '{name}' takes {size} bytes; this library holds tensors up to {Array.MaxLength}.");
    }
}
