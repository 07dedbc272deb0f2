namespace DiffeoNN.Onnx.Gradients;

/// <summary>Base of every error this library raises about a model.</summary>
public class GradientException : Exception
{
    /// <summary>Creates the error.</summary>
    /// <param name="message">What was found, where, what was expected, what to do.</param>
    /// <param name="inner">The cause, where there is one.</param>
    public GradientException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}
