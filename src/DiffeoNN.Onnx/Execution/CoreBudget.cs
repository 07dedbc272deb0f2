using DiffeoNN.Onnx.Native;
using Microsoft.ML.OnnxRuntime;

namespace DiffeoNN.Onnx.Execution;

/// <summary>One number of cores that ONNX Runtime and libtorch share.</summary>
/// <remarks>
/// A canonicalisation alternates between the two and never runs both at once, so each pool has all the cores,
/// provided that its idle threads sleep: ONNX Runtime's and OpenMP's both spin by default, and then take the cores from whoever's turn it
/// is (<see cref="Runtime.Initialise"/> sees to OpenMP's, and sets libtorch's threads, which belong to the process).
/// </remarks>
public sealed record CoreBudget
{
    /// <summary>A budget.</summary>
    /// <param name="threads">Number of cores; 0 is all that this process may use, and more than those is as many.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="threads"/> is negative.</exception>
    public CoreBudget(int threads = 0) => Cores = Runtime.Cores(threads);

    /// <summary>Threads that compute at any time, at least 1.</summary>
    public int Cores { get; }

    /// <summary>Gives a session the process's pool where that has as many threads, otherwise its own; no spinning, operators one after
    /// another, each on all cores.</summary>
    internal void ApplyTo(SessionOptions options)
    {
        options.ExecutionMode = ExecutionMode.ORT_SEQUENTIAL;
        if (OrtEnvironment.PoolThreads == Cores)
        {
            options.DisablePerSessionThreads();
            return;
        }

        options.IntraOpNumThreads = Cores;
        options.InterOpNumThreads = 1;
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
        options.AddSessionConfigEntry("session.inter_op.allow_spinning", "0");
    }
}
