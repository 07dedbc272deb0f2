using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Validation.Differences;

/// <summary>Where and how thoroughly an emitted gradient is compared with finite differences.</summary>
public sealed record GradientCheckOptions
{
    /// <summary>What the gradient was compiled with.</summary>
    public GradientOptions Gradient { get; init; } = new();

    /// <summary>Values of inputs, and of upstream gradients (OUTPUT_grad), by name; the others are drawn.</summary>
    public IReadOnlyDictionary<string, OnnxTensor> Data { get; init; } = new Dictionary<string, OnnxTensor>();

    /// <summary>
    /// Shapes of inputs that are drawn. Without one, a free first dimension is 2 and every other free one 32; equal symbols have
    /// equal sizes.
    /// </summary>
    public IReadOnlyDictionary<string, IReadOnlyList<long>> Shapes { get; init; } = new Dictionary<string, IReadOnlyList<long>>();

    /// <summary>Seed of everything that is drawn.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Elements compared of each input: a quarter are those with the largest derivatives.
    /// An input with fewer is compared whole.</summary>
    public int Samples { get; init; } = 32;

    /// <summary>Random directions compared for each input, into which every element goes.</summary>
    public int Directions { get; init; } = 4;

    /// <summary>
    /// Largest error that passes, relative to the input's largest derivative (along directions: to the gradient's length); null for
    /// 1e-3 where the differences are taken in float64, 5e-3 in float32, and 5e-2 for gradients in half precision. What rounding
    /// of the outputs leaves open is added.
    /// </summary>
    public double? Tolerance { get; init; }

    /// <summary>Cores; 0 for all.</summary>
    public int Threads { get; init; }
}
