namespace DiffeoNN.Onnx.Client;

/// <summary>Numbers of one image: a mask, scores, points, a map.</summary>
/// <typeparam name="T">Of a number.</typeparam>
/// <param name="Shape">Dimensions, without that of the batch.</param>
/// <param name="Values">Row-major.</param>
public sealed record NumberArray<T>(IReadOnlyList<int> Shape, ReadOnlyMemory<T> Values)
    where T : unmanaged
{
    /// <summary>One number.</summary>
    /// <param name="index">As many as there are dimensions.</param>
    /// <exception cref="ArgumentException">There are more or fewer, or one is outside its dimension.</exception>
    public T this[params ReadOnlySpan<int> index]
    {
        get
        {
            if (index.Length != Shape.Count)
                throw new ArgumentException($"{index.Length} indices for an array of {Shape.Count} dimensions.", nameof(index));
            var at = 0;
            for (var i = 0; i < index.Length; i++)
            {
                if ((uint)index[i] >= (uint)Shape[i])
                    throw new ArgumentException($"Index {index[i]} is outside dimension {i}, which has {Shape[i]}.", nameof(index));
                at = (at * Shape[i]) + index[i];
            }

            return Values.Span[at];
        }
    }
}
