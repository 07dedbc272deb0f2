namespace DiffeoNN.Onnx.Validation;

/// <summary>What of a graph is compared.</summary>
public enum ComparedQuantity
{
    /// <summary>Its outputs.</summary>
    Output,

    /// <summary>The derivative of sum(upstream * output) by its inputs.</summary>
    Gradient,
}
