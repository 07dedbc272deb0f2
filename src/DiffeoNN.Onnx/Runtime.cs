using System.Diagnostics.CodeAnalysis;
using System.Runtime.ExceptionServices;
using DiffeoNN.Onnx.Native;
using TorchSharp;

namespace DiffeoNN.Onnx;

/// <summary>What the library does to the process it runs in, all of it in <see cref="Initialise"/>.</summary>
/// <remarks>
/// <para>On Linux systems whose libstdc++ is older than GCC 13's, TorchSharp's native libraries do not load by themselves. There libtorch
/// is loaded by full path, then a patched private copy of <c>libLibTorchSharp.so</c>, in which one empty function of the newer
/// libstdc++ is no longer asked for. Where the system's libstdc++ has GLIBCXX_3.4.32, and on Windows and macOS, nothing is loaded ahead
/// of time.</para>
/// <para>On Linux it also sets <c>OMP_WAIT_POLICY=passive</c> for libtorch's OpenMP, unless that variable or <c>GOMP_SPINCOUNT</c> is set,
/// so that idle threads leave the cores to ONNX Runtime. And it limits glibc's allocator to two pools, so that memory stays flat, unless
/// <c>MALLOC_ARENA_MAX</c> is set.</para>
/// <para>libtorch's threads are set, and ONNX Runtime's environment is made, quiet and without telemetry, with one pool of threads that
/// all sessions on as many cores share, and one of memory for all sessions on the CPU, which keeps what they computed in for the next
/// ones; weights are given back with their session. An environment that the program made before is taken as it is, and sessions then
/// have their own threads and memory.</para>
/// <para>Environment variables: <c>DIFFEONN_CACHE</c>, the folder for the patched copy (otherwise <c>diffeonn</c> in the user's cache
/// folder); <c>DIFFEONN_LIBTORCH</c>, a folder with another libtorch of the same version, for instance one built for CUDA;
/// the program's own <c>libtorch_cpu.so</c> must then be deleted or linked to it.</para>
/// </remarks>
public static class Runtime
{
    private static readonly Lock Threads = new();
    private static readonly Lazy<(string Report, ExceptionDispatchInfo? Failure)> Outcome = new(Prepare);

    /// <summary>What was done about TorchSharp's native libraries, one sentence; or why it failed. Prepares them if nobody did.</summary>
    public static string Report => Outcome.Value.Report;

    /// <summary>Prepares the process. Loading an assembly or reading a bundle's manifest does none of it; what runs graphs or makes tensors
    /// calls it first if nobody did. Programs that use TorchSharp by themselves call it before.</summary>
    /// <param name="threads">Threads of libtorch, and of ONNX Runtime's pool; 0 is all cores that this process may use,
    /// and more than those is as many. libtorch takes those of the last call, ONNX Runtime's pool those of the first.</param>
    /// <remarks>May be called as often as one likes, by several threads at once.</remarks>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="threads"/> is negative.</exception>
    /// <exception cref="NativeLibraryException">A library is missing, is not the expected one, or cannot be kept or loaded;
    /// the message says what to do.</exception>
    public static void Initialise(int threads = 0)
    {
        var cores = Cores(threads);
        LoadTorch();
        lock (Threads)
        {
            if (torch.get_num_threads() != cores) torch.set_num_threads(cores);
        }

        OrtEnvironment.Create(cores);
    }

    /// <summary>The part of <see cref="Initialise"/> that tensors need, before the first of them is made.</summary>
    internal static void LoadTorch() => Outcome.Value.Failure?.Throw();

    /// <summary>Threads that compute at any time, at least 1.</summary>
    /// <param name="threads">As for <see cref="Initialise"/>.</param>
    internal static int Cores(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        // .NET counts the cores in this process's affinity mask and rounds a container's quota up.
        // More threads than cores wait for each other, many more for ever.
        return threads > 0 ? Math.Min(threads, Environment.ProcessorCount) : Environment.ProcessorCount;
    }

    [SuppressMessage("Design", "CA1031", Justification = "What went wrong is thrown by whoever asks, each time, as one kind of error.")]
    private static (string Report, ExceptionDispatchInfo? Failure) Prepare()
    {
        try
        {
            return (TorchLibraries.Prepare(NativeSystem.Current), null);
        }
        catch (NativeLibraryException e)
        {
            return (e.Message, ExceptionDispatchInfo.Capture(e));
        }
        catch (Exception e)
        {
            var failure = new NativeLibraryException($"TorchSharp's native libraries could not be prepared: {e.Message}", e);
            return (failure.Message, ExceptionDispatchInfo.Capture(failure));
        }
    }
}
