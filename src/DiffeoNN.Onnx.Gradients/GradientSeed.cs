namespace DiffeoNN.Onnx.Gradients;

/// <summary>Where the gradient with respect to an output comes from.</summary>
public enum GradientSeed
{
    /// <summary>From the caller: an extra input OUTPUT_grad of the output's shape.</summary>
    Input,

    /// <summary>Ones: the gradient of the sum of all elements of all chosen outputs.</summary>
    Ones,
}
