using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Validation.Blame;
using DiffeoNN.Onnx.Validation.Comparing;
using DiffeoNN.Onnx.Validation.Differences;
using DiffeoNN.Onnx.Validation.Sources;

namespace DiffeoNN.Onnx.Validation;

/// <summary>What a <see cref="Validator"/> compares, on which inputs and how strictly; change with <c>with</c>.</summary>
public sealed record ValidationOptions
{
    /// <summary>Which of <see cref="ValidationSources.All"/> take part, at least one that runs a graph.</summary>
    public IReadOnlyList<string> Sources { get; init; } = ValidationSources.All;

    /// <summary>
    /// Folder with reference tensors (<c>test_data_set_0</c> and so on) of a model, or with one such folder for each role of a bundle;
    /// null for those that the bundle's manifest names.
    /// </summary>
    public string? Reference { get; init; }

    /// <summary>Device and cores.</summary>
    public ExecutionOptions Execution { get; init; } = new() { Device = ExecutionDevice.Cpu };

    /// <summary>Seed of inputs, upstream gradients and directions that are drawn, and of the search.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Whether gradients are compared too.</summary>
    public bool Gradients { get; init; } = true;

    /// <summary>Whether a bundle's whole job is compared too.</summary>
    public bool Job { get; init; } = true;

    /// <summary>Images of the whole job; null for those of the bundle's reference tensors.</summary>
    public IReadOnlyList<ImageBuffer>? Images { get; init; }

    /// <summary>Shapes of inputs that are drawn, by name; see <see cref="GradientCheckOptions.Shapes"/>.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<long>> Shapes { get; init; } = new Dictionary<string, IReadOnlyList<long>>();

    /// <summary>Random directions along which each input is moved for finite differences; 0 for none.</summary>
    public int Directions { get; init; } = 2;

    /// <summary>Replaces the tolerance of float outputs: largest error relative to the magnitude;
    /// null for <see cref="Tolerance.OfOutput"/>.</summary>
    public double? OutputTolerance { get; init; }

    /// <summary>Replaces the smallest cosine of gradients; null for <see cref="Tolerance.OfGradient"/>.</summary>
    public double? GradientCosine { get; init; }

    /// <summary>Whether the nodes to blame for a disagreement are looked for.</summary>
    public bool Blame { get; init; } = true;

    /// <summary>Where the smallest failing graphs go, one folder each; null for nowhere.</summary>
    public string? BlameFolder { get; init; }
}
