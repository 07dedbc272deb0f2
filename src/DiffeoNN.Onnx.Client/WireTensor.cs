using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace DiffeoNN.Onnx.Client;

/// <summary>A tensor as it goes over the wire: row-major, little-endian.</summary>
public sealed class WireTensor
{
    private const string Bytes = "BYTES";

    private static readonly (string Word, Type Element, int Size)[] Types =
    [
        ("BOOL", typeof(bool), 1), ("UINT8", typeof(byte), 1), ("UINT16", typeof(ushort), 2), ("UINT32", typeof(uint), 4),
        ("UINT64", typeof(ulong), 8), ("INT8", typeof(sbyte), 1), ("INT16", typeof(short), 2), ("INT32", typeof(int), 4),
        ("INT64", typeof(long), 8), ("FP16", typeof(Half), 2), ("FP32", typeof(float), 4), ("FP64", typeof(double), 8),
    ];

    private readonly IReadOnlyList<ReadOnlyMemory<byte>>? _strings;

    private WireTensor(
        string name, string datatype, IReadOnlyList<int> shape, ReadOnlyMemory<byte> data,
        IReadOnlyList<ReadOnlyMemory<byte>>? strings = null) =>
        (Name, Datatype, Shape, Data, _strings) = (name, datatype, shape, data, strings);

    /// <summary>The input's or output's name.</summary>
    public string Name { get; }

    /// <summary>The protocol's word for its elements, as <c>FP32</c>.</summary>
    public string Datatype { get; }

    /// <summary>Its dimensions.</summary>
    public IReadOnlyList<int> Shape { get; }

    /// <summary>Its bytes on the wire: elements one after another; of BYTES, each with its length in 4 bytes before it.</summary>
    public ReadOnlyMemory<byte> Data { get; }

    /// <summary>Elements of BYTES; empty for numbers.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Strings => _strings ?? [];

    /// <summary>Number of elements.</summary>
    public int Count => checked((int)CountOf(Shape));

    /// <summary>A tensor of numbers.</summary>
    /// <typeparam name="T">Decides the type: bool, a whole number, <see cref="Half"/>, float or double.</typeparam>
    /// <param name="name">The input's name.</param>
    /// <param name="shape">Its dimensions.</param>
    /// <param name="values">As many as the dimensions make; copied.</param>
    /// <exception cref="ArgumentException">There are more or fewer values, or no type of the protocol has such elements.</exception>
    public static WireTensor Of<T>(string name, IReadOnlyList<int> shape, ReadOnlySpan<T> values)
        where T : unmanaged
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(shape);
        var word = Types.FirstOrDefault(type => type.Element == typeof(T)).Word
            ?? throw new ArgumentException($"The protocol has no tensors of {typeof(T).Name}.", nameof(values));
        if (CountOf(shape) != values.Length)
        {
            throw new ArgumentException(
                $"Tensor '{name}' has {values.Length} values; shape {Text(shape)} needs {CountOf(shape)}.", nameof(values));
        }

        return new WireTensor(name, word, [.. shape], MemoryMarshal.AsBytes(values).ToArray());
    }

    /// <summary>A tensor of byte strings, as encoded images are.</summary>
    /// <param name="name">The input's name.</param>
    /// <param name="strings">One an element; the tensor has one dimension.</param>
    public static WireTensor OfStrings(string name, IReadOnlyList<ReadOnlyMemory<byte>> strings)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(strings);
        var data = new byte[strings.Sum(text => 4 + text.Length)];
        var rest = data.AsSpan();
        foreach (var text in strings)
        {
            BinaryPrimitives.WriteInt32LittleEndian(rest, text.Length);
            text.Span.CopyTo(rest[4..]);
            rest = rest[(4 + text.Length)..];
        }

        return new WireTensor(name, Bytes, [strings.Count], data, strings);
    }

    /// <summary>Its numbers.</summary>
    /// <typeparam name="T">Must be that of its type.</typeparam>
    /// <exception cref="InvalidOperationException">It is another.</exception>
    public ReadOnlySpan<T> As<T>()
        where T : unmanaged => Types.FirstOrDefault(type => type.Word == Datatype).Element == typeof(T)
            ? MemoryMarshal.Cast<byte, T>(Data.Span)
            : throw new InvalidOperationException($"Tensor '{Name}' is {Datatype}, not of {typeof(T).Name}.");

    /// <summary>Elements of BYTES as texts.</summary>
    public IReadOnlyList<string> AsTexts() => [.. Strings.Select(text => Encoding.UTF8.GetString(text.Span))];

    /// <summary>As messages print it: <c>'mask' UINT8 [1,64,64]</c>.</summary>
    public override string ToString() => $"'{Name}' {Datatype} {Text(Shape)}";

    /// <summary>A tensor of an answer.</summary>
    /// <exception cref="FormatException">Type, shape and bytes do not fit each other.</exception>
    internal static WireTensor OfAnswer(string name, string datatype, IReadOnlyList<int> shape, ReadOnlyMemory<byte> data)
    {
        if (shape.Any(size => size < 0)) throw new FormatException($"'{name}' has shape {Text(shape)}");
        if (datatype == Bytes) return new WireTensor(name, datatype, shape, data, Split(name, shape, data));
        var size = Types.FirstOrDefault(type => type.Word == datatype).Size;
        if (size == 0) throw new FormatException($"'{name}' is of '{datatype}', which this client does not know");
        if (data.Length != CountOf(shape) * size)
            throw new FormatException($"'{name}' has {data.Length} bytes; {datatype} {Text(shape)} needs {CountOf(shape) * size}");
        return new WireTensor(name, datatype, shape, data);
    }

    private static List<ReadOnlyMemory<byte>> Split(string name, IReadOnlyList<int> shape, ReadOnlyMemory<byte> data)
    {
        var strings = new List<ReadOnlyMemory<byte>>();
        for (var i = 0L; i < CountOf(shape); i++)
        {
            var length = data.Length < 4 ? -1 : BinaryPrimitives.ReadInt32LittleEndian(data.Span);
            if (length < 0 || length > data.Length - 4) throw new FormatException($"'{name}' ends within element {i}");
            strings.Add(data.Slice(4, length));
            data = data[(4 + length)..];
        }

        return data.IsEmpty ? strings : throw new FormatException($"'{name}' has {data.Length} bytes after its last element");
    }

    private static long CountOf(IReadOnlyList<int> shape) => shape.Aggregate(1L, (count, size) => checked(count * size));

    private static string Text(IReadOnlyList<int> shape) => $"[{string.Join(',', shape)}]";
}
