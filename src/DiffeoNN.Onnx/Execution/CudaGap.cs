namespace DiffeoNN.Onnx.Execution;

/// <summary>One thing that keeps CUDA from working.</summary>
/// <param name="Short">In a few words, a clause.</param>
/// <param name="Found">All of it: what was found, with the names of files.</param>
/// <param name="Advice">What to do; empty where that is not known.</param>
internal sealed record CudaGap(string Short, string Found, string Advice)
{
    /// <summary>Libraries of CUDA and cuDNN that do not load, where that is the gap.</summary>
    public IReadOnlyList<string> Libraries { get; init; } = [];

    /// <summary>What was found and what to do, in one clause.</summary>
    public override string ToString() => Advice.Length > 0 ? $"{Found}, {Advice}" : Found;
}
