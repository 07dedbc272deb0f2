using System.Buffers.Binary;

namespace DiffeoNN.Onnx.Fuzz.Mutations;

/// <summary>One field of a protocol buffer.</summary>
/// <param name="Number">Its number.</param>
/// <param name="Type">0 a number of variable length, 1 eight bytes, 2 bytes with their length, 5 four bytes.</param>
/// <param name="Value">The number; 0 for type 2.</param>
/// <param name="Content">The bytes of type 2, where they are no fields.</param>
/// <param name="Fields">The fields that the bytes of type 2 are, as far as can be told; they may be changed.</param>
internal sealed record WireField(int Number, int Type, ulong Value, byte[] Content, List<WireField>? Fields)
{
    private const int MostDepth = 12;

    /// <summary>The bytes of a field of type 2.</summary>
    public byte[] Bytes() => Fields is null ? Content : Write(Fields);

    /// <summary>The fields of a message; null where the bytes are none.</summary>
    public static List<WireField>? Parse(ReadOnlySpan<byte> bytes, int depth = 0)
    {
        var fields = new List<WireField>();
        for (var at = 0; at < bytes.Length;)
        {
            if (!TryNumber(bytes, ref at, out var tag) || tag >> 3 is 0 or > 2000) return null;
            var (number, type) = ((int)(tag >> 3), (int)(tag & 7));
            ulong value = 0;
            byte[] content = [];
            List<WireField>? inner = null;
            var width = type == 1 ? 8 : 4;
            switch (type)
            {
                case 0 when TryNumber(bytes, ref at, out value): break;
                case 1 or 5 when bytes.Length - at >= width:
                    value = BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);
                    if (width == 8) value = BinaryPrimitives.ReadUInt64LittleEndian(bytes[at..]);
                    at += width;
                    break;
                case 2 when TryNumber(bytes, ref at, out var length) && length <= (ulong)(bytes.Length - at):
                    content = bytes.Slice(at, (int)length).ToArray();
                    inner = depth < MostDepth && content.Length > 1 ? Parse(content, depth + 1) : null;
                    at += (int)length;
                    break;
                default: return null;
            }

            fields.Add(new WireField(number, type, value, content, inner));
        }

        return fields;
    }

    /// <summary>The bytes of a message.</summary>
    public static byte[] Write(List<WireField> fields)
    {
        using var stream = new MemoryStream();
        Span<byte> fixedBytes = stackalloc byte[8];
        foreach (var field in fields)
        {
            Number7(stream, ((ulong)field.Number << 3) | (uint)field.Type);
            BinaryPrimitives.WriteUInt64LittleEndian(fixedBytes, field.Value);
            if (field.Type == 0) Number7(stream, field.Value);
            else if (field.Type == 1) stream.Write(fixedBytes);
            else if (field.Type == 5) stream.Write(fixedBytes[..4]);
            else
            {
                var content = field.Bytes();
                Number7(stream, (ulong)content.Length);
                stream.Write(content);
            }
        }

        return stream.ToArray();
    }

    private static bool TryNumber(ReadOnlySpan<byte> bytes, ref int at, out ulong value)
    {
        value = 0;
        for (var shift = 0; shift < 70 && at < bytes.Length; shift += 7)
        {
            var next = bytes[at++];
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80) return true;
        }

        return false;
    }

    private static void Number7(MemoryStream stream, ulong value)
    {
        for (; value >= 0x80; value >>= 7) stream.WriteByte((byte)(value | 0x80));
        stream.WriteByte((byte)value);
    }
}
