using DiffeoNN.Onnx.Execution.Native;

namespace DiffeoNN.Onnx.Diagnostics;

/// <summary>Which libraries of CUDA and cuDNN ONNX Runtime wants, and where each is found.</summary>
internal static class CudaLibraries
{
    private const string Install = "install CUDA 13 and cuDNN 9, by NVIDIA's packages or as Python's nvidia-cublas, nvidia-cuda-runtime, "
        + "nvidia-curand and nvidia-cudnn-cu13, and put the folders of the libraries on the library path (LD_LIBRARY_PATH on Linux)";

    /// <summary>One finding a library, in the order of their names; none where this build has no GPU library of ONNX Runtime's.</summary>
    /// <param name="probe">Answers.</param>
    /// <param name="missing">What a library that does not load is.</param>
    public static IEnumerable<Finding> Look(CudaProbe probe, FindingLevel missing)
    {
        if (probe.Find(CudaProbe.Provider) is not { } provider)
            yield break;
        foreach (var name in probe.CudaLibraries(provider).Order(StringComparer.Ordinal))
        {
            yield return probe.CanLoad(name)
                ? new(FindingLevel.Good, name, probe.Where(name) ?? "loads")
                : new(missing, name, "does not load", Install + (missing == FindingLevel.Note ? "; nothing to do where the CPU is meant" : ""));
        }
    }
}
