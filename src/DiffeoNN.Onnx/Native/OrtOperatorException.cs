namespace DiffeoNN.Onnx.Native;

/// <summary>An operator of ours does not fit its inputs, or ONNX Runtime refuses it.</summary>
internal sealed class OrtOperatorException : Exception
{
    public OrtOperatorException(string message) : base(message)
    {
    }

    public OrtOperatorException(string message, Exception inner) : base(message, inner)
    {
    }

    public OrtOperatorException()
    {
    }
}
