namespace DiffeoNN.Onnx.Execution;

/// <summary>Where graphs and tensor arithmetic are asked to run.</summary>
public enum ExecutionDevice
{
    /// <summary>CUDA where it works, otherwise the CPU; <see cref="DeviceSelection.Reason"/> says which and why.</summary>
    Auto,

    /// <summary>The CPU.</summary>
    Cpu,

    /// <summary>An NVIDIA GPU; an error where it does not work.</summary>
    Cuda,
}
