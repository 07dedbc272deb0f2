using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Native;
using Microsoft.ML.OnnxRuntime;
using TorchSharp;

namespace DiffeoNN.Onnx.Diagnostics;

/// <summary>Whether this machine can run the library, and with what: versions, native libraries, cores, CUDA.</summary>
public static class MachineDiagnosis
{
    private static readonly string[] Natives = ["onnxruntime", "libonnxruntime", "LibTorchSharp", "libLibTorchSharp", "torch_cpu",
        "libtorch_cpu", "libtorch_cuda", "libgomp", "libiomp", "libstdc++"];

    /// <summary>Looks at everything but the engines' results, for which there is <see cref="SelfTest"/>.</summary>
    /// <param name="options">Device and cores asked for; defaults if null.</param>
    /// <returns>In a fixed order; what does not work is among them, nothing is thrown for it.</returns>
    public static IReadOnlyList<Finding> Run(ExecutionOptions? options = null) => Run(options ?? new ExecutionOptions(), CudaProbe.Current);

    internal static IReadOnlyList<Finding> Run(ExecutionOptions options, CudaProbe probe) =>
        [.. Versions(options), .. Libraries(), Cores(options), .. Cuda(options, probe)];

    private static IEnumerable<Finding> Versions(ExecutionOptions options)
    {
        yield return new(FindingLevel.Good, "system", $"{RuntimeInformation.OSDescription.Trim()}, "
            + $"{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}, {RuntimeInformation.FrameworkDescription}");
        yield return new(FindingLevel.Good, "DiffeoNN.Onnx", Version(typeof(MachineDiagnosis).Assembly));
        yield return Guard("ONNX Runtime", "restore the package Microsoft.ML.OnnxRuntime again, or build for this platform", () =>
        {
            var environment = OrtEnvironment.Create(Runtime.Cores(options.Threads));
            return new(FindingLevel.Good, "ONNX Runtime", $"{environment.GetVersionString()}; execution providers "
                + $"{string.Join(", ", environment.GetAvailableProviders())}");
        });
        yield return Guard(
            "TorchSharp", "follow what the message says; the README of DiffeoNN.Onnx has a section on native libraries", () =>
            {
                Runtime.Initialise(options.Threads);
                using var one = torch.ones(1);
                return new(FindingLevel.Good, "TorchSharp",
                    $"{Version(typeof(torch).Assembly)} with libtorch {torch.__version__}. {Runtime.Report}");
            });
        yield return Guard("libtorch's convolutions", "see what is said of TorchSharp", () => LibtorchConvolutions.Checked switch
        {
            LibtorchConvolutions.State.Right => new(FindingLevel.Good, "libtorch's convolutions", "right"),
            LibtorchConvolutions.State.Mended => new(FindingLevel.Note, "libtorch's convolutions",
                "wrong on this machine, where oneDNN leaves memory unset; oneDNN is switched off, and the engine torch slower for it",
                "nothing to do here; PyTorch on this machine may need torch.backends.mkldnn.enabled = False"),
            _ => new(FindingLevel.Warning, "libtorch's convolutions", "wrong on this machine, where oneDNN leaves memory unset",
                "take the engine onnxruntime, or a GPU"),
        });
    }

    /// <summary>Where the native libraries that are loaded by now lie.</summary>
    private static IEnumerable<Finding> Libraries()
    {
        using var process = Process.GetCurrentProcess();
        var loaded = process.Modules.Cast<ProcessModule>()
            .Where(module => Natives.Any(name => Path.GetFileName(module.FileName).StartsWith(name, StringComparison.OrdinalIgnoreCase)))
            .GroupBy(module => Path.GetFileName(module.FileName), StringComparer.Ordinal)
            .OrderBy(group => group.Key, StringComparer.Ordinal)
            .ToList();
        foreach (var group in loaded)
        {
            string[] paths = [.. group.Select(module => module.FileName).Distinct(StringComparer.Ordinal)];
            yield return paths.Length == 1
                ? new(FindingLevel.Good, group.Key, paths[0])
                : new(FindingLevel.Warning, group.Key, $"loaded {paths.Length} times: {string.Join(", ", paths)}",
                    "let only one of them be found; two copies have two sets of threads and may contradict each other");
        }

        string[] openMp = [.. loaded.Select(group => group.Key).Where(name => name.Contains("omp", StringComparison.Ordinal))];
        if (openMp.Length > 1)
        {
            yield return new(FindingLevel.Warning, "OpenMP", $"{openMp.Length} runtimes are loaded: {string.Join(", ", openMp)}",
                "use libraries built with the same one where you can: each has a pool of threads of its own");
        }
    }

    private static Finding Cores(ExecutionOptions options)
    {
        var budget = new CoreBudget(options.Threads);
        var text = $"{budget.Cores} of {Environment.ProcessorCount} that this process may use; ONNX Runtime "
            + "and libtorch take turns on them";
        if (options.Threads > Environment.ProcessorCount)
            return new(FindingLevel.Warning, "cores", text, $"ask for at most {Environment.ProcessorCount} (--threads)");
        var policy = Environment.GetEnvironmentVariable("OMP_WAIT_POLICY");
        return string.Equals(policy, "active", StringComparison.OrdinalIgnoreCase)
            ? new(FindingLevel.Warning, "cores", $"{text}; OMP_WAIT_POLICY is {policy}",
                "unset it: libtorch's idle threads would take the cores from ONNX Runtime")
            : new(FindingLevel.Good, "cores", text);
    }

    private static IEnumerable<Finding> Cuda(ExecutionOptions options, CudaProbe probe)
    {
        if (options.Device == ExecutionDevice.Cpu)
        {
            yield return new(FindingLevel.Note, "CUDA", "not looked at, as the CPU is asked for");
            yield break;
        }

        var level = options.Device == ExecutionDevice.Cuda ? FindingLevel.Problem : FindingLevel.Note;
        var missing = probe.Missing(options.DeviceIndex);
        if (missing.Count == 0)
        {
            yield return probe.MissingInTorch(options.DeviceIndex) is { } inTorch
                ? new(FindingLevel.Good, "CUDA",
                    $"device {options.DeviceIndex} works in ONNX Runtime; {inTorch}, so fields are computed by graphs")
                : new(FindingLevel.Good, "CUDA", $"device {options.DeviceIndex} works in ONNX Runtime and libtorch");
        }

        var aside = level == FindingLevel.Note ? "; nothing to do where the CPU is meant" : "";
        foreach (var gap in missing.Where(gap => !CudaLibraries.Tells(probe, gap)))
            yield return new(level, "CUDA", gap.Found, gap.Advice.Length > 0 ? gap.Advice + aside : "see the README's section on GPUs");
        foreach (var library in CudaLibraries.Look(probe, level))
            yield return library;
        yield return CudaMajors.Compare(probe);
    }

    private static Finding Guard(string subject, string advice, Func<Finding> look)
    {
        try
        {
            return look();
        }
        catch (Exception error) when (error is DiffeoException or TypeInitializationException or DllNotFoundException
            or OnnxRuntimeException or NotSupportedException or ExternalException)
        {
            return new(FindingLevel.Problem, subject, (error.InnerException ?? error).Message.ReplaceLineEndings(" ").Trim(), advice);
        }
    }

    private static string Version(Assembly assembly) =>
        (assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion
            ?? assembly.GetName().Version?.ToString() ?? "of unknown version").Split('+')[0];
}
