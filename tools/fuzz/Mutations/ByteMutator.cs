using System.Buffers.Binary;

namespace DiffeoNN.Onnx.Fuzz.Mutations;

/// <summary>Changes bytes without knowing what they mean.</summary>
internal static class ByteMutator
{
    /// <summary>Integers at which sizes and counts break.</summary>
    public static long[] Interesting { get; } =
    [
        0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 100, 127, 128, 255, 256, 1023, 4096, 10_000, 32767, 32768, 65535, 65536,
        1 << 20, 1 << 24, 100_000_000, int.MaxValue - 1, int.MaxValue, (long)int.MaxValue + 1, uint.MaxValue, 1L << 32, 1L << 40,
        long.MaxValue - 1, long.MaxValue,
        -1, -2, -4, -128, short.MinValue, int.MinValue, long.MinValue,
    ];

    /// <summary>One change: bits, bytes, blocks, integers, the end cut off, or the rest of another input.</summary>
    public static byte[] Mutate(byte[] input, byte[] other, Random random)
    {
        if (input.Length == 0) return [.. other];
        int at = random.Next(input.Length), length = Length(input.Length - at, random);
        switch (random.Next(9))
        {
            case 0: return With(input, at, [(byte)(input[at] ^ (1 << random.Next(8)))]);
            case 1: return With(input, at, [(byte)random.Next(256)]);
            case 2: return [.. input.AsSpan(0, at), .. Bytes(random, Length(64, random)), .. input.AsSpan(at)];
            case 3: return [.. input.AsSpan(0, at), .. input.AsSpan(at + length)];
            case 4: return [.. input.AsSpan(0, at), .. input.AsSpan(at, length), .. input.AsSpan(at)];
            case 5: return With(input, random.Next(input.Length), input.AsSpan(at, length));
            case 6: return [.. input.AsSpan(0, at), .. other.AsSpan(Math.Min(at, random.Next(other.Length + 1)))];
            case 7: return random.Next(4) == 0 ? input[..at] : With(input, at, Integer(random));
            default: return With(input, at, Integer(random));
        }
    }

    /// <summary>One of <see cref="Interesting"/>.</summary>
    public static long Number(Random random) => Interesting[random.Next(Interesting.Length)];

    private static byte[] Integer(Random random)
    {
        var bytes = new byte[8];
        var value = Number(random);
        if (random.Next(2) == 0)
        {
            BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
            return bytes[..(1 << random.Next(4))];
        }

        BinaryPrimitives.WriteInt64BigEndian(bytes, value);
        return bytes[^(1 << random.Next(4))..];
    }

    private static int Length(int most, Random random) => most == 0 ? 0 : random.Next(1 + random.Next(most));

    private static byte[] Bytes(Random random, int count)
    {
        var bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }

    private static byte[] With(byte[] input, int at, ReadOnlySpan<byte> part)
    {
        byte[] result = [.. input];
        part[..Math.Min(part.Length, input.Length - at)].CopyTo(result.AsSpan(at));
        return result;
    }
}
