namespace DiffeoNN.Onnx.Gradients;

/// <summary>A model that is malformed, contradicts itself or cannot be read.</summary>
public sealed class OnnxModelException : GradientException
{
    /// <summary>Creates the error.</summary>
    /// <param name="message">What was found, where, what was expected, what to do.</param>
    /// <param name="inner">The cause, where there is one.</param>
    public OnnxModelException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}
