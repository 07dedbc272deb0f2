using System.Globalization;
using System.Text.RegularExpressions;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Native;

namespace DiffeoNN.Onnx.Diagnostics;

/// <summary>Whether ONNX Runtime and libtorch ask for CUDA and cuDNN of the same major versions: a process holds one of each.</summary>
internal static partial class CudaMajors
{
    private const string Runtime = "libonnxruntime_providers_cuda.so";
    private const string Torch = "libtorch_cuda.so";

    /// <summary>Compares what both libraries are linked with.</summary>
    public static Finding Compare(CudaProbe probe)
    {
        if (probe.Find(Runtime) is not { } runtime || probe.Find(Torch) is not { } torch)
        {
            string[] absent = [.. new[] { Runtime, Torch }.Where(name => probe.Find(name) is null)];
            var remedy = absent.Contains(Runtime)
                ? "for a GPU use the package Microsoft.ML.OnnxRuntime.Gpu.Linux (here: build without -p:DiffeoNNGpu=false)"
                : $"nothing, unless libtorch is to use the GPU too: set {TorchLibraries.Variable} to the folder of a libtorch with "
                    + "CUDA of the same major version";
            return new(FindingLevel.Note, "CUDA versions",
                $"nothing to compare: this build has no {string.Join(" and no ", absent)}", remedy);
        }

        var (ours, theirs) = (Majors(probe.Needs(runtime)), Majors(probe.Needs(torch)));
        string[] different = [.. ours.Where(pair => theirs.TryGetValue(pair.Key, out var other) && other != pair.Value)
            .Select(pair => $"{pair.Key} {pair.Value} in ONNX Runtime and {theirs[pair.Key]} in libtorch")];
        if (different.Length > 0)
        {
            return new(FindingLevel.Problem, "CUDA versions", $"the two ask for different ones: {string.Join(", ", different)}",
                "take a release of Microsoft.ML.OnnxRuntime.Gpu and a libtorch that are built for the same major version "
                + "of CUDA, and install that one");
        }

        string[] same = [.. ours.Where(pair => theirs.ContainsKey(pair.Key)).Select(pair => $"{pair.Key} {pair.Value}")];
        return same.Length > 0
            ? new(FindingLevel.Good, "CUDA versions", $"ONNX Runtime and libtorch both ask for {string.Join(", ", same)}")
            : new(FindingLevel.Note, "CUDA versions", "ONNX Runtime and libtorch name no CUDA library in common",
                "run the self-test on the GPU (--device cuda)");
    }

    /// <summary>Major versions by library: libcublas.so.12 is cublas 12. cuBLAS and its light part are one.</summary>
    private static SortedDictionary<string, int> Majors(IEnumerable<string> needed)
    {
        var majors = new SortedDictionary<string, int>(StringComparer.Ordinal);
        foreach (var match in needed.Select(name => Name().Match(name)).Where(match => match.Success))
            majors[match.Groups["name"].Value] = int.Parse(match.Groups["major"].Value, CultureInfo.InvariantCulture);
        return majors;
    }

    [GeneratedRegex(@"^lib(?<name>cudart|cublas|cudnn|cufft|curand)\.so\.(?<major>\d+)")]
    private static partial Regex Name();
}
