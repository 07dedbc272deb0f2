namespace DiffeoNN.Onnx.Validation.Comparing;

/// <summary>What of a graph is compared.</summary>
public enum ComparedQuantity
{
    /// <summary>Its outputs.</summary>
    Output,

    /// <summary>What a module inside it gives, where PyTorch's values of modules were written.</summary>
    Module,

    /// <summary>The derivative of sum(upstream * output) by its inputs.</summary>
    Gradient,
}
