namespace DiffeoNN.Onnx;

/// <summary>Base of the errors this library raises about its inputs and its surroundings;
/// the message is one line a user can act on.</summary>
public abstract class DiffeoException : Exception
{
    /// <summary>Creates the error.</summary>
    /// <param name="message">What was found, where, what was expected, what to do.</param>
    /// <param name="innerException">What caused it, if anything.</param>
    protected DiffeoException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}
