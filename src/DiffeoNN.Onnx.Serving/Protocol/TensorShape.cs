namespace DiffeoNN.Onnx.Serving.Protocol;

/// <summary>Dimensions of tensors: how many elements, and how messages print them.</summary>
internal static class TensorShape
{
    /// <summary>Number of elements.</summary>
    /// <param name="shape">Dimensions.</param>
    /// <param name="what">What messages call the tensor.</param>
    /// <exception cref="ProtocolException">A dimension is negative, or the number has no room in 64 bits.</exception>
    public static long Count(IReadOnlyList<long> shape, string what)
    {
        var count = 1L;
        foreach (var size in shape)
        {
            if (size < 0) throw ProtocolException.Invalid($"{what} has shape {Text(shape)}; each dimension is at least 0.");
            try
            {
                count = checked(count * size);
            }
            catch (OverflowException)
            {
                throw ProtocolException.TooLarge($"{what} has shape {Text(shape)}, more elements than any machine holds.");
            }
        }

        return count;
    }

    /// <summary>As messages print it: <c>[1,3,64,64]</c>.</summary>
    public static string Text(IEnumerable<long> shape) => $"[{string.Join(",", shape)}]";

    /// <summary>Whether a shape is one of those that a model declares, whose free dimensions are -1.</summary>
    public static bool Fits(IReadOnlyList<long> shape, IReadOnlyList<long> declared) =>
        shape.Count == declared.Count && shape.Zip(declared).All(pair => pair.Second < 0 || pair.First == pair.Second);
}
