using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Export;

/// <summary>A bundle as one model.</summary>
/// <param name="Model">Image in, answer out; metadata and texts say what it is.</param>
/// <param name="Warnings">What whoever runs it should know; empty for nothing.</param>
public sealed record ExportedModel(OnnxModel Model, IReadOnlyList<string> Warnings)
{
    /// <summary>The name of the bundle that a model was exported of; null if it is no export.</summary>
    /// <param name="model">Any model.</param>
    public static string? BundleOf(OnnxModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return model.Metadata.GetValueOrDefault(ExportTexts.BundleKey);
    }
}
