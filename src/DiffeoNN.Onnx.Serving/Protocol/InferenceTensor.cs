using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace DiffeoNN.Onnx.Serving.Protocol;

/// <summary>A tensor as it goes over the wire: row-major, little-endian, without padding.</summary>
public sealed class InferenceTensor
{
    private readonly ReadOnlyMemory<byte> _data;
    private readonly IReadOnlyList<ReadOnlyMemory<byte>>? _strings;

    private InferenceTensor(
        string name, DataType type, IReadOnlyList<long> shape, ReadOnlyMemory<byte> data, IReadOnlyList<ReadOnlyMemory<byte>>? strings)
    {
        (Name, Type, Shape, _data, _strings) = (name, type, shape, data, strings);
        Count = TensorShape.Count(shape, $"Tensor '{name}'");
    }

    /// <summary>The input's or output's name.</summary>
    public string Name { get; }

    /// <summary>What its elements are.</summary>
    public DataType Type { get; }

    /// <summary>Its dimensions, each at least 0; none for a single number.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>Number of elements.</summary>
    public long Count { get; }

    /// <summary>Its elements one after another; empty for <see cref="DataType.Bytes"/>, whose elements are <see cref="Strings"/>.</summary>
    public ReadOnlyMemory<byte> Data => _data;

    /// <summary>The elements of a tensor of <see cref="DataType.Bytes"/>; empty for others.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Strings => _strings ?? [];

    /// <summary>A tensor of numbers.</summary>
    /// <typeparam name="T">Decides the type.</typeparam>
    /// <param name="name">Its name.</param>
    /// <param name="shape">Its dimensions.</param>
    /// <param name="values">As many as the shape asks for; copied.</param>
    /// <exception cref="ProtocolException">There are more or fewer.</exception>
    public static InferenceTensor Of<T>(string name, IReadOnlyList<long> shape, ReadOnlySpan<T> values)
        where T : unmanaged => OfRaw(name, DataTypes.Of<T>(), shape, MemoryMarshal.AsBytes(values).ToArray());

    /// <summary>A tensor of strings of bytes.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="shape">Its dimensions.</param>
    /// <param name="values">As many as the shape asks for; not copied.</param>
    /// <exception cref="ProtocolException">There are more or fewer.</exception>
    public static InferenceTensor OfStrings(string name, IReadOnlyList<long> shape, IReadOnlyList<ReadOnlyMemory<byte>> values)
    {
        var tensor = new InferenceTensor(name, DataType.Bytes, shape, default, values);
        return tensor.Count == values.Count ? tensor : throw ProtocolException.Invalid(
            $"Tensor '{name}' has {values.Count} elements; shape {TensorShape.Text(shape)} needs {tensor.Count}.");
    }

    /// <summary>A tensor of texts.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="shape">Its dimensions.</param>
    /// <param name="values">As many as the shape asks for.</param>
    public static InferenceTensor OfTexts(string name, IReadOnlyList<long> shape, IEnumerable<string> values) =>
        OfStrings(name, shape, [.. values.Select(text => (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes(text))]);

    /// <summary>A tensor of its bytes on the wire: numbers one after another; strings each after its length, 4 bytes.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="type">What its elements are.</param>
    /// <param name="shape">Its dimensions.</param>
    /// <param name="data">Not copied.</param>
    /// <exception cref="ProtocolException">There are more or fewer bytes than type and shape need, or a truth value is neither 0 nor 1.
    /// </exception>
    public static InferenceTensor OfRaw(string name, DataType type, IReadOnlyList<long> shape, ReadOnlyMemory<byte> data)
    {
        if (type == DataType.Bytes) return OfStrings(name, shape, Split(name, shape, data));
        var tensor = new InferenceTensor(name, type, shape, data, null);
        if (data.Length != tensor.Count * type.Size())
        {
            throw ProtocolException.Invalid(
                $"Tensor '{name}' has {data.Length} bytes; {type.Word()} of shape {TensorShape.Text(shape)} needs "
                + $"{tensor.Count * type.Size()}.");
        }

        if (type == DataType.Bool && data.Span.ContainsAnyExcept((byte)0, (byte)1))
            throw ProtocolException.Invalid($"Tensor '{name}' is BOOL and holds a byte that is neither 0 nor 1.");
        return tensor;
    }

    /// <summary>The numbers of a tensor.</summary>
    /// <typeparam name="T">Must be that of its type.</typeparam>
    /// <exception cref="InvalidOperationException">It is another.</exception>
    public ReadOnlySpan<T> As<T>()
        where T : unmanaged => DataTypes.Of<T>() == Type
            ? MemoryMarshal.Cast<byte, T>(_data.Span)
            : throw new InvalidOperationException($"Tensor '{Name}' is {Type.Word()}, not {DataTypes.Of<T>().Word()}.");

    /// <summary>Its bytes on the wire, as <see cref="OfRaw"/> takes them.</summary>
    public ReadOnlyMemory<byte> ToRaw()
    {
        if (_strings is null) return _data;
        var bytes = new byte[_strings.Sum(text => 4L + text.Length)];
        var rest = bytes.AsSpan();
        foreach (var text in _strings)
        {
            BinaryPrimitives.WriteInt32LittleEndian(rest, text.Length);
            text.Span.CopyTo(rest[4..]);
            rest = rest[(4 + text.Length)..];
        }

        return bytes;
    }

    /// <summary>As messages print it: <c>'image' FP32 [1,1,64,64]</c>.</summary>
    public override string ToString() => $"'{Name}' {Type.Word()} {TensorShape.Text(Shape)}";

    private static List<ReadOnlyMemory<byte>> Split(string name, IReadOnlyList<long> shape, ReadOnlyMemory<byte> data)
    {
        var (count, whole) = (TensorShape.Count(shape, $"Tensor '{name}'"), data.Length);
        var strings = new List<ReadOnlyMemory<byte>>();
        while (data.Length > 0)
        {
            if (strings.Count == count)
                throw ProtocolException.Invalid(
                    $"Tensor '{name}' has {data.Length} bytes after the {count} elements that shape {TensorShape.Text(shape)} needs.");
            var length = data.Length < 4 ? -1 : BinaryPrimitives.ReadInt32LittleEndian(data.Span);
            if (length < 0 || length > data.Length - 4)
            {
                throw ProtocolException.Invalid(
                    $"Tensor '{name}' ends within element {strings.Count}, byte {whole - data.Length} of {whole}; each element of BYTES is "
                    + "its length in 4 bytes, little-endian, and then that many bytes.");
            }

            strings.Add(data.Slice(4, length));
            data = data[(4 + length)..];
        }

        return strings;
    }
}
