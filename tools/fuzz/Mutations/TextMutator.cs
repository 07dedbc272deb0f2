using System.Text;

namespace DiffeoNN.Onnx.Fuzz.Mutations;

/// <summary>Puts pieces that matter to a text format into a text.</summary>
internal static class TextMutator
{
    /// <summary>One piece inserted, or put in place of what stands there.</summary>
    public static byte[] Mutate(byte[] input, ReadOnlySpan<string> pieces, Random random)
    {
        var piece = Encoding.UTF8.GetBytes(pieces[random.Next(pieces.Length)]);
        int at = random.Next(input.Length + 1), skip = random.Next(2) == 0 ? 0 : Math.Min(piece.Length, input.Length - at);
        return [.. input.AsSpan(0, at), .. piece, .. input.AsSpan(at + skip)];
    }
}
