using DiffeoNN.Onnx.Execution;

namespace DiffeoNN.Onnx.Diagnostics;

/// <summary>Which libraries of CUDA and cuDNN ONNX Runtime wants, and where each is found.</summary>
internal static class CudaLibraries
{
    private const string Install = "install CUDA 13 and cuDNN 9, by NVIDIA's packages or as Python's nvidia-cublas, nvidia-cuda-runtime, "
        + "nvidia-curand and nvidia-cudnn-cu13, and put the folders of the libraries on the library path (LD_LIBRARY_PATH on Linux)";

    /// <summary>Whether <see cref="Look"/> names all libraries that a gap is about.</summary>
    public static bool Tells(CudaProbe probe, CudaGap gap) => gap.Libraries.Count > 0 && probe.Find(CudaProbe.Provider) is { } provider
        && !gap.Libraries.Except(probe.CudaLibraries(provider)).Any();

    /// <summary>One finding for each library that loads, in the order of their names, then one for all that do not;
    /// none where this build has no GPU library of ONNX Runtime's.</summary>
    /// <param name="probe">Answers.</param>
    /// <param name="missing">What it is that libraries do not load.</param>
    public static IEnumerable<Finding> Look(CudaProbe probe, FindingLevel missing)
    {
        if (probe.Find(CudaProbe.Provider) is not { } provider)
            yield break;
        List<string> unloadable = [];
        foreach (var name in probe.CudaLibraries(provider).Order(StringComparer.Ordinal))
        {
            if (probe.CanLoad(name)) yield return new(FindingLevel.Good, name, probe.Where(name) ?? "loads");
            else unloadable.Add(name);
        }

        if (unloadable.Count == 0)
            yield break;
        var aside = missing == FindingLevel.Note ? "; nothing to do where the CPU is meant" : "";
        yield return new(missing, "CUDA libraries", $"do not load: {string.Join(", ", unloadable)}", Install + aside);
    }
}
