using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using DiffeoNN.Onnx.Native;
using Microsoft.ML.OnnxRuntime;
using TorchSharp;

namespace DiffeoNN.Onnx.Execution;

/// <summary>Finds out what of CUDA is there and what is missing; every question can be answered by a test instead of the machine.</summary>
internal sealed record CudaProbe
{
    private static readonly string Driver = OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1";
    private static readonly CudaGap NoDriver = new(
        "the NVIDIA driver is missing",
        $"the NVIDIA driver's '{Driver}' does not load",
        "install the driver (in a container, start it with access to the GPU)");

    /// <summary>cuDNN, which ONNX Runtime opens by its name when a graph first needs it: no list of needed libraries holds it.</summary>
    private static readonly string CuDnn = OperatingSystem.IsWindows() ? "cudnn64_9.dll" : "libcudnn.so.9";

    /// <summary>ONNX Runtime's library for CUDA.</summary>
    public static readonly string Provider = OperatingSystem.IsWindows()
        ? "onnxruntime_providers_cuda.dll"
        : "libonnxruntime_providers_cuda.so";

    /// <summary>This machine.</summary>
    public static CudaProbe Current { get; } = new();

    /// <summary>Whether a library is found and loads, its own dependencies included.</summary>
    public Func<string, bool> CanLoad { get; init; } = static name => NativeLibrary.TryLoad(name, out _);

    /// <summary>Execution providers that this build of ONNX Runtime knows.</summary>
    public Func<IReadOnlyList<string>> Providers { get; init; } = static () => OrtEnvironment.Instance.GetAvailableProviders();

    /// <summary>Full path of a library in the folders that this process takes native libraries from; null if it is in none.</summary>
    public Func<string, string?> Find { get; init; } = static name =>
        NativeSystem.Current.Folders.Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);

    /// <summary>Libraries that a library asks for.</summary>
    public Func<string, IReadOnlyList<string>> Needs { get; init; } = ReadNeeds;

    /// <summary>Full path of a library that was loaded; null if it was not.</summary>
    public Func<string, string?> Where { get; init; } = static name =>
    {
        using var process = Process.GetCurrentProcess();
        // A name without its version's tail is a link to what was loaded.
        return process.Modules.Cast<ProcessModule>().Select(module => module.FileName)
            .FirstOrDefault(path => Path.GetFileName(path).StartsWith(name, StringComparison.Ordinal));
    };

    /// <summary>Why ONNX Runtime refuses the provider; null if it takes it.</summary>
    public Func<int, string?> ProviderError { get; init; } = TryProvider;

    /// <summary>How many GPUs libtorch sees; null if it was built without CUDA.</summary>
    public Func<int?> TorchDevices { get; init; } = CountTorchDevices;

    /// <summary>What keeps ONNX Runtime from running graphs on a GPU, one clause each; empty where it works.
    /// libtorch is not asked.</summary>
    /// <param name="index">Number of the GPU.</param>
    public IReadOnlyList<CudaGap> Missing(int index)
    {
        List<CudaGap> missing = [];
        var hasDriver = CanLoad(Driver);
        var providers = Providers();
        if (!providers.Contains("CUDAExecutionProvider"))
        {
            missing.Add(new(
                "this build has no GPU packages",
                $"this build has no GPU packages (ONNX Runtime offers only {string.Join(", ", providers)})",
                "build for linux-x64 or win-x64 without -p:DiffeoNNGpu=false"));
        }
        else if (Find(Provider) is not { } provider)
        {
            missing.Add(new(
                "ONNX Runtime's library for CUDA is missing",
                $"'{Provider}' is not beside ONNX Runtime's library",
                "restore the package Microsoft.ML.OnnxRuntime.Gpu.Linux or .Windows again"));
        }
        else if (ProviderError(index) is { } error)
        {
            missing.AddRange(Explain(provider, error, hasDriver));
        }
        else if (!CanLoad(CuDnn))
        {
            missing.Add(new(
                "cuDNN 9 is missing",
                $"ONNX Runtime's CUDA provider opens {CuDnn}, which does not load",
                "install cuDNN 9 for CUDA 13 and put it on the library path") { Libraries = [CuDnn] });
        }

        if (!hasDriver) missing.Add(NoDriver);
        return missing;
    }

    /// <summary>What keeps CUDA from working where libtorch runs the graphs too; ONNX Runtime's part is not asked for.</summary>
    /// <param name="index">Number of the GPU.</param>
    public IReadOnlyList<CudaGap> MissingForTorch(int index) => !CanLoad(Driver) ? [NoDriver]
        : MissingInTorch(index) is { } missing
            ? [new(missing, missing, $"set {TorchLibraries.Variable} to the folder of a libtorch with CUDA")]
            : [];

    /// <summary>What keeps libtorch from holding tensors on a GPU; null where it can. Starts CUDA in libtorch.</summary>
    /// <param name="index">Number of the GPU.</param>
    public string? MissingInTorch(int index) => TorchDevices() switch
    {
        null => "libtorch was built without CUDA",
        var count when count <= index => $"libtorch sees {count} GPUs and number {index} (from 0) is asked for",
        _ => null,
    };

    /// <summary>ONNX Runtime names only the first library that is missing; this finds all of them.</summary>
    private IEnumerable<CudaGap> Explain(string provider, string error, bool hasDriver)
    {
        var unloadable = Unloadable(provider);
        if (unloadable.Length > 0)
        {
            yield return new(
                "libraries of CUDA 13 or cuDNN 9 are missing",
                $"'{Provider}' needs {string.Join(", ", unloadable)}, which do not load",
                "install CUDA and cuDNN of these versions and put them on the library path") { Libraries = unloadable };
        }
        else if (hasDriver)
        {
            yield return new("ONNX Runtime refuses its CUDA provider", $"ONNX Runtime refuses its CUDA provider: {error}", "");
        }
    }

    /// <summary>Libraries of CUDA and cuDNN that ONNX Runtime's library for CUDA opens.</summary>
    /// <param name="provider">Its path.</param>
    public IReadOnlyList<string> CudaLibraries(string provider) =>
        [.. Needs(provider).Where(name => name.StartsWith("libcu", StringComparison.Ordinal) && name != Driver).Union([CuDnn])];

    private string[] Unloadable(string provider)
    {
        // ONNX Runtime's own helper library loads with the provider; the driver has its own message.
        var needs = Needs(provider).Where(name => !name.Contains("onnxruntime", StringComparison.Ordinal) && name != Driver);
        return [.. needs.Union([CuDnn]).Where(name => !CanLoad(name))];
    }

    private static IReadOnlyList<string> ReadNeeds(string library)
    {
        try
        {
            return OperatingSystem.IsLinux() ? new ElfFile(File.ReadAllBytes(library)).Needed : [];
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException or OverflowException)
        {
            return []; // ProviderError has tried the library itself and has the reason.
        }
    }

    private static string? TryProvider(int index)
    {
        try
        {
            _ = OrtEnvironment.Instance;
            using var options = new SessionOptions();
            options.AppendExecutionProvider_CUDA(index);
            return null;
        }
        catch (OnnxRuntimeException e)
        {
            return e.Message.ReplaceLineEndings(" ").Trim().TrimEnd('.');
        }
    }

    [SuppressMessage(
        "Design", "CA1031", Justification = "TorchSharp throws several types where CUDA is missing; each means the same here.")]
    private static int? CountTorchDevices()
    {
        try
        {
            Runtime.LoadTorch();
            return torch.cuda.is_available() ? torch.cuda.device_count() : null;
        }
        catch (Exception)
        {
            return null;
        }
    }
}
