using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using DiffeoNN.Onnx.Execution.Native;

namespace DiffeoNN.Onnx.Execution;

/// <summary>Makes TorchSharp's native libraries loadable on Linux systems whose libstdc++ is older than GCC 13's.</summary>
/// <remarks>
/// <para>Runs by itself when this assembly is first used, which must be before the first use of TorchSharp.
/// Where the system's libstdc++ has GLIBCXX_3.4.32, and on Windows and macOS, it loads nothing.
/// Elsewhere it loads libtorch by full path, then a patched private copy of <c>libLibTorchSharp.so</c>, in which one empty function of the
/// newer libstdc++ is no longer asked for.</para>
/// <para>On Linux it also sets <c>OMP_WAIT_POLICY=passive</c> for libtorch's OpenMP, unless that variable or <c>GOMP_SPINCOUNT</c> is set:
/// see <see cref="CoreBudget"/>. And it limits glibc's allocator to two pools, so that memory stays flat, unless <c>MALLOC_ARENA_MAX</c> is
/// set.</para>
/// <para>Environment variables: <c>DIFFEONN_CACHE</c>, the folder for the patched copy (otherwise <c>diffeonn</c> in the user's cache
/// folder); <c>DIFFEONN_LIBTORCH</c>, a folder with another libtorch of the same version, for instance one built for CUDA;
/// the program's own <c>libtorch_cpu.so</c> must then be deleted or linked to it.</para>
/// </remarks>
public static class NativeLoader
{
    private static readonly Lazy<(string Report, ExceptionDispatchInfo? Failure)> Outcome = new(Run);

    /// <summary>What was done, one sentence; or why it failed.</summary>
    public static string Report => Outcome.Value.Report;

    /// <summary>Throws what went wrong when the libraries were prepared; otherwise does nothing.</summary>
    /// <exception cref="NativeLibraryException">A library is missing, is not the expected one, or cannot be kept or loaded;
    /// the message says what to do.</exception>
    public static void EnsureLoaded() => Outcome.Value.Failure?.Throw();

    [ModuleInitializer]
    [SuppressMessage("Usage", "CA2255",
        Justification = "TorchSharp loads its libraries on first use of any of its types: only a module initialiser comes before that.")]
    internal static void Initialise() => _ = Outcome.Value;

    [SuppressMessage(
        "Design", "CA1031", Justification = "An exception out of a module initialiser would surface as a type load error without a cause.")]
    private static (string Report, ExceptionDispatchInfo? Failure) Run()
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
