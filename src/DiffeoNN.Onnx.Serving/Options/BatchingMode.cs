namespace DiffeoNN.Onnx.Serving.Options;

/// <summary>When images join a running batch.</summary>
public enum BatchingMode
{
    /// <summary>Between steps, as soon as there is room.</summary>
    Continuous,

    /// <summary>When all that run have ended, as servers do that batch requests; for comparisons.</summary>
    Request,
}
