namespace DiffeoNN.Onnx.Gradients;

/// <summary>The compiler failed in a way that it should not, whatever the model: a defect of this library.</summary>
public sealed class GradientDefectException : GradientException
{
    internal GradientDefectException(string where, Exception cause)
        : base($"The gradient compiler failed at {where}: {cause.GetType().Name}: {cause.Message} This is a defect "
            + "of DiffeoNN.Onnx.Gradients, not of the model: please report it with the model, or with the node "
            + "and the shapes of its inputs.", cause)
    {
    }

    /// <summary>Whether an exception speaks of broken code rather than of a model or the machine.</summary>
    internal static bool IsDefect(Exception e) =>
        e is IndexOutOfRangeException or ArgumentException or OverflowException or InvalidOperationException
            or InvalidCastException or KeyNotFoundException or NullReferenceException or DivideByZeroException or FormatException
            or NotSupportedException
            or NotImplementedException;
}
