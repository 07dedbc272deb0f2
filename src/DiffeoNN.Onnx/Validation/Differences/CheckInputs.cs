using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Validation.Sources;

namespace DiffeoNN.Onnx.Validation.Differences;

/// <summary>Values for every input of a model: given, or drawn and said so.</summary>
internal sealed class CheckInputs(GradientCheckOptions options, Random random)
{
    private const long FreeBatch = 2;
    private const long FreeSize = 32;

    private readonly Dictionary<string, long> _sizes = new(StringComparer.Ordinal);

    /// <summary>What was assumed.</summary>
    public List<string> Assumptions { get; } = [];

    /// <summary>A value for each required input.</summary>
    /// <exception cref="GraphException">A shape is given for what is no input, or does not fit it, or is needed.</exception>
    /// <exception cref="TensorDataException">A tensor that was given does not fit its input.</exception>
    public Dictionary<string, OnnxTensor> Draw(OnnxModel model)
    {
        var inputs = model.Graph.RequiredInputs.ToList();
        foreach (var name in options.Shapes.Keys.Where(name => !inputs.Exists(input => input.Name == name)))
            throw new GraphException(
                $"A shape is given for '{name}', which the model does not have as an input. Inputs: {string.Join(", ", inputs)}.");
        foreach (var input in inputs) Learn(input);
        return inputs.ToDictionary(input => input.Name,
            input => options.Data.TryGetValue(input.Name, out var given) ? Given(given, input) : Drawn(input), StringComparer.Ordinal);
    }

    /// <summary>Random normal numbers.</summary>
    public OnnxTensor Normal(string name, OnnxElementType type, IReadOnlyList<long> shape) =>
        OnnxTensor.FromDoubles(
            name, type, shape, [.. Enumerable.Range(0, checked((int)shape.Aggregate(1L, (a, b) => a * b))).Select(_ => Normal())]);

    /// <summary>Box and Muller's method.</summary>
    private double Normal() => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    /// <summary>Takes the sizes of symbols from what is given.</summary>
    private void Learn(OnnxValueInfo input)
    {
        var given = options.Data.TryGetValue(input.Name, out var tensor)
            ? tensor.Dimensions
            : options.Shapes.GetValueOrDefault(input.Name);
        if (given is null || input.Shape is not { } shape) return;
        if (given.Count != shape.Count || shape.Zip(given).Any(pair => pair.First.Size is { } size && size != pair.Second))
        {
            var problem = $"Input {input} is given the shape [{string.Join(",", given)}].";
            throw tensor is null ? new GraphException(problem) : new TensorDataException(problem);
        }

        foreach (var (dimension, size) in shape.Zip(given))
            if (NameOf(dimension) is { } symbol) _sizes.TryAdd(symbol, size);
    }

    /// <summary>A name that means one size wherever it stands; '?' and '-1' are what exporters write for unknown.</summary>
    private static string? NameOf(OnnxDimension dimension) =>
        dimension.Symbol is { Length: > 0 } symbol && (char.IsLetter(symbol[0]) || symbol[0] == '_') ? symbol : null;

    private static OnnxTensor Given(OnnxTensor tensor, OnnxValueInfo input) =>
        tensor.ElementType == input.ElementType || input.ElementType == OnnxElementType.Undefined
            ? tensor.WithName(input.Name)
            : throw new TensorDataException($"Input {input} is given a tensor of {tensor.ElementType.ToString().ToLowerInvariant()}.");

    private OnnxTensor Drawn(OnnxValueInfo input)
    {
        var shape = options.Shapes.GetValueOrDefault(input.Name) ?? Shape(input);
        if (input.ElementType.IsFloat()) return Normal(input.Name, input.ElementType, shape);
        if (input.ElementType is OnnxElementType.String or OnnxElementType.Undefined)
            throw new GraphException($"Input {input} cannot be drawn; give its value.");
        Assumptions.Add($"'{input.Name}' is all zeros");
        return OnnxTensor.FromDoubles(input.Name, input.ElementType, shape, new double[shape.Aggregate(1L, (a, b) => a * b)]);
    }

    private long[] Shape(OnnxValueInfo input)
    {
        if (input.Shape is not { } declared)
            throw new GraphException(
                $"Input {input} needs a shape or a value for the comparison, since the model does not state its number of dimensions.");
        var shape = new long[declared.Count];
        for (var i = 0; i < shape.Length; i++)
        {
            var fallback = i == 0 ? FreeBatch : FreeSize;
            shape[i] = declared[i].Size ?? (NameOf(declared[i]) is not { } symbol ? fallback
                : _sizes.TryGetValue(symbol, out var known) ? known : _sizes[symbol] = fallback);
        }

        if (declared.Any(dimension => dimension.Size is null)) Assumptions.Add($"'{input.Name}' has the shape [{string.Join(",", shape)}]");
        return shape;
    }
}
