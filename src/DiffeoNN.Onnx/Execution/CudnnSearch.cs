namespace DiffeoNN.Onnx.Execution;

/// <summary>How cuDNN chooses algorithms of convolutions.</summary>
public enum CudnnSearch
{
    /// <summary>By rules of thumb: a few milliseconds for a new shape.</summary>
    Heuristic,

    /// <summary>By trying all of them for every new shape.</summary>
    Exhaustive,

    /// <summary>One algorithm for all.</summary>
    Default,
}
