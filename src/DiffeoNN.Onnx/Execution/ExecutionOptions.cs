using Microsoft.ML.OnnxRuntime;

namespace DiffeoNN.Onnx.Execution;

/// <summary>Where and on how many cores to run.</summary>
public sealed record ExecutionOptions
{
    /// <summary>What runs the graphs.</summary>
    public EngineKind Engine { get; init; } = EngineKind.OnnxRuntime;

    /// <summary>Device asked for.</summary>
    public ExecutionDevice Device { get; init; } = ExecutionDevice.Auto;

    /// <summary>Number of the GPU, from 0; only for CUDA.</summary>
    public int DeviceIndex { get; init; }

    /// <summary>How ONNX Runtime uses a GPU; without effect on the CPU.</summary>
    public CudaOptions Cuda { get; init; } = new();

    /// <summary>Cores for ONNX Runtime and libtorch together, which take turns;
    /// 0 is all that this process may use (affinity and container limits honoured).</summary>
    public int Threads { get; init; }

    /// <summary>Last word on the options of each session of ONNX Runtime, which carry the graph's name as their log id;
    /// null keeps them.</summary>
    internal Action<SessionOptions>? ConfigureSession { get; init; }
}
