using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.GpuCheck.Running;

/// <summary>Draws inputs for models of others, whose free sizes are unknown.</summary>
internal static class DrawnInputs
{
    /// <summary>What a free size that is no batch becomes: whole after several halvings.</summary>
    private const long FreeSize = 64;

    /// <summary>Whether the first dimension of some input is free.</summary>
    public static bool HasFreeBatch(OnnxModel model) =>
        model.Graph.RequiredInputs.Any(input => input.Shape is { Count: > 1 } shape && shape[0].Size is null);

    /// <summary>Normal numbers for floats, zeros for others.</summary>
    /// <param name="model">The model.</param>
    /// <param name="batch">Size of the first dimension where it is free, and of all others of that name.</param>
    /// <param name="random">Of the numbers.</param>
    /// <exception cref="NotSupportedException">An input cannot be drawn.</exception>
    public static List<OnnxTensor> Of(OnnxModel model, int batch, Random random)
    {
        var inputs = model.Graph.RequiredInputs.ToList();
        var batches = inputs.Select(input => input.Shape is { Count: > 0 } shape ? shape[0].Symbol : null).OfType<string>().Where(IsName)
            .ToHashSet(StringComparer.Ordinal);
        return inputs.ConvertAll(input =>
        {
            var declared = input.Shape ?? throw new NotSupportedException($"Input {input} has no shape.");
            long[] shape = [.. declared
                .Select((size, i) => size.Size ?? (i == 0 || batches.Contains(size.Symbol ?? "") ? batch : FreeSize))];
            return input.ElementType switch
            {
                OnnxElementType.Float => Drawn.Normal(input.Name, random, shape),
                OnnxElementType.Int64 or OnnxElementType.Int32 or OnnxElementType.Bool =>
                    OnnxTensor.FromDoubles(input.Name, input.ElementType, shape,
                        new double[shape.Aggregate(1L, (product, size) => product * size)]),
                _ => throw new NotSupportedException($"Input {input} cannot be drawn."),
            };
        });
    }

    private static bool IsName(string symbol) => symbol.Length > 0 && symbol is not ("?" or "-1");
}
