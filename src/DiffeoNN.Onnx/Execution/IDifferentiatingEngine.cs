using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Execution;

/// <summary>An engine that differentiates what it runs by itself: it needs no gradient rules and no backward graphs.</summary>
public interface IDifferentiatingEngine : IEngine
{
    /// <summary>Loads a model for values in between and gradients.</summary>
    /// <param name="model">Of any size; not needed afterwards.</param>
    /// <param name="name">What messages call it.</param>
    /// <returns>The caller disposes it.</returns>
    /// <exception cref="GraphException">The engine lacks an operator, or an element type of an input or output.</exception>
    IDifferentiableGraph LoadDifferentiable(OnnxModel model, string name);
}
