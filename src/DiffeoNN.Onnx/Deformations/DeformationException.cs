namespace DiffeoNN.Onnx.Deformations;

/// <summary>A deformation is unknown, or so strong that no map without folds was found.</summary>
/// <param name="message">What was found, where, what was expected, what to do.</param>
/// <param name="innerException">What caused it, if anything.</param>
public sealed class DeformationException(string message, Exception? innerException = null) : DiffeoException(message, innerException);
