using Microsoft.ML.OnnxRuntime;
using TorchSharp;

namespace DiffeoNN.Onnx.Execution;

/// <summary>One number of cores that ONNX Runtime and libtorch share.</summary>
/// <remarks>
/// A canonicalisation alternates between the two and never runs both at once, so each pool has all the cores,
/// provided that its idle threads sleep: ONNX Runtime's and OpenMP's both spin by default, and then take the cores from whoever's turn it
/// is (<see cref="NativeLoader"/> sees to OpenMP's). libtorch's pool belongs to the process,
/// so the last budget applied to it holds for everybody.
/// </remarks>
public sealed record CoreBudget
{
    private static readonly Lock TorchLock = new();

    /// <summary>A budget.</summary>
    /// <param name="threads">Number of cores; 0 is all that this process may use, and more than those is as many.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="threads"/> is negative.</exception>
    public CoreBudget(int threads = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        // .NET counts the cores in this process's affinity mask and rounds a container's quota up.
        // More threads than cores wait for each other, many more for ever.
        Cores = threads > 0 ? Math.Min(threads, Environment.ProcessorCount) : Environment.ProcessorCount;
    }

    /// <summary>Threads that compute at any time, at least 1.</summary>
    public int Cores { get; }

    /// <summary>Sets libtorch's threads for the whole process.</summary>
    public void ApplyToTorch()
    {
        lock (TorchLock)
        {
            if (torch.get_num_threads() != Cores) torch.set_num_threads(Cores);
        }
    }

    /// <summary>Sets a session's own pool: no spinning, operators one after another, each on all cores.</summary>
    internal void ApplyTo(SessionOptions options)
    {
        options.IntraOpNumThreads = Cores;
        options.InterOpNumThreads = 1;
        options.ExecutionMode = ExecutionMode.ORT_SEQUENTIAL;
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
        options.AddSessionConfigEntry("session.inter_op.allow_spinning", "0");
    }
}
