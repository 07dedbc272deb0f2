using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Energies;

/// <summary>A bundle's energy as one graph, made by <see cref="EnergyComposer"/>.</summary>
/// <param name="Name">The bundle's name, for messages.</param>
/// <param name="Image">The images the graph takes.</param>
/// <param name="TermNames">The columns of the output <c>terms</c>: <c>vae</c>, <c>adversarial</c>, <c>energy</c>,
/// those that the bundle has.</param>
/// <param name="WeightInputs">The graph's scalar inputs and the bundle's values for them.</param>
/// <param name="Weights">The bundle's weights.</param>
/// <param name="Model">y and the weights to <c>energy</c> (N), <c>terms</c> (N,T) and <c>y_grad</c> (N,C,H,W); the batch is free
/// where no network binds it.</param>
/// <param name="ValueModel">The same without <c>y_grad</c>.</param>
public sealed record ComposedEnergy(
    string Name,
    ImageSpec Image,
    IReadOnlyList<string> TermNames,
    IReadOnlyList<KeyValuePair<string, double>> WeightInputs,
    SearchSpec Weights,
    OnnxModel Model,
    OnnxModel ValueModel)
{
    /// <summary>Size of the batch that the graph is bound to, since a network of it is; null where it is free.</summary>
    public int? Batch { get; init; }
}
