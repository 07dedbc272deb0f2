using System.Buffers.Binary;

namespace DiffeoNN.Onnx.Tests.Support;

/// <summary>EXIF blocks that hold an orientation.</summary>
internal static class ExifBytes
{
    /// <summary>From the byte order mark on: a directory of one tag.</summary>
    public static byte[] Orientation(int value, bool little = true)
    {
        byte[] block = [.. little ? "II*\0"u8 : "MM\0*"u8, .. new byte[22]];
        Write(4, 8, 4);
        Write(8, 1, 2);
        Write(10, 0x0112, 2);
        Write(12, 3, 2);
        Write(14, 1, 4);
        Write(18, value, 2);
        return block;

        void Write(int at, int number, int size)
        {
            var target = block.AsSpan(at, size);
            if (size == 2 && little) BinaryPrimitives.WriteUInt16LittleEndian(target, (ushort)number);
            else if (size == 2) BinaryPrimitives.WriteUInt16BigEndian(target, (ushort)number);
            else if (little) BinaryPrimitives.WriteInt32LittleEndian(target, number);
            else BinaryPrimitives.WriteInt32BigEndian(target, number);
        }
    }

    /// <summary>A JPEG file with an orientation.</summary>
    public static byte[] InJpeg(byte[] jpeg, int value)
    {
        byte[] content = [.. "Exif\0\0"u8, .. Orientation(value)];
        var length = content.Length + 2;
        return [.. jpeg[..2], 0xFF, 0xE1, (byte)(length >> 8), (byte)length, .. content, .. jpeg[2..]];
    }
}
