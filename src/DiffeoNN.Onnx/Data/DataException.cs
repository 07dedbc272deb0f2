namespace DiffeoNN.Onnx.Data;

/// <summary>A data set is missing, incomplete or contradicts itself: its list, its masks or labels, what belongs together by name or size.
/// Pictures that cannot be read are an <see cref="Imaging.ImageException"/>.</summary>
/// <param name="message">What was found, where, what was expected, what to do.</param>
/// <param name="innerException">What caused it, if anything.</param>
public sealed class DataException(string message, Exception? innerException = null) : DiffeoException(message, innerException)
{
    /// <summary>Whether what is missing is the truth that answers are to be compared with, so that the images alone could be compared
    /// with the network's own answers (<see cref="EvaluationData.OpenImages"/>).</summary>
    public bool LacksTruth { get; init; }

    /// <summary>Whether some of the images cannot be used, so that leaving those out would do.</summary>
    public bool HasBadImages { get; init; }
}
