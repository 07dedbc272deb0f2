using DiffeoNN.Onnx.Gradients;
using TorchSharp;

namespace DiffeoNN.Onnx.Execution;

/// <summary>The device that was taken for graphs and the one for tensors, and why.</summary>
/// <param name="Device">Where graphs run: <see cref="ExecutionDevice.Cpu"/> or <see cref="ExecutionDevice.Cuda"/>.</param>
/// <param name="Index">Number of the GPU; 0 on the CPU.</param>
/// <param name="Reason">One short sentence for people: what was taken and, where CUDA was tried and does not work,
/// the first reason why.</param>
public sealed record DeviceSelection(ExecutionDevice Device, int Index, string Reason)
{
    /// <summary>Whether libtorch holds tensors on that GPU too. Where it does not (it was built without CUDA),
    /// tensors stay in the CPU's memory, and ONNX Runtime carries what a graph reads and writes across.</summary>
    public bool TensorsOnGpu { get; init; }

    /// <summary>The CPU, asked for by its name.</summary>
    internal static DeviceSelection Cpu { get; } = new(ExecutionDevice.Cpu, 0, "CPU.");

    /// <summary>What gradient graphs that run there are to be fast on.</summary>
    internal GradientTarget GradientTarget => Device == ExecutionDevice.Cuda ? GradientTarget.Gpu : GradientTarget.Cpu;

    /// <summary>Where tensors lie.</summary>
    public torch.Device Torch
    {
        get
        {
            Runtime.LoadTorch();
            return TensorsOnGpu ? torch.device(DeviceType.CUDA, Index) : torch.CPU;
        }
    }

    /// <summary>Takes a device.</summary>
    /// <param name="options">What is asked for.</param>
    /// <returns>The device; for <see cref="ExecutionDevice.Auto"/> the CPU where CUDA does not work.</returns>
    /// <exception cref="DeviceUnavailableException">CUDA is asked for and does not work;
    /// the message lists every library and package that is missing.</exception>
    public static DeviceSelection Choose(ExecutionOptions options) => Choose(options, CudaProbe.Current);

    internal static DeviceSelection Choose(ExecutionOptions options, CudaProbe probe)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(options.DeviceIndex);
        if (options.Device == ExecutionDevice.Cpu) return Cpu;
        var forTorch = options.Engine == EngineKind.Torch;
        var missing = forTorch ? probe.MissingForTorch(options.DeviceIndex) : probe.Missing(options.DeviceIndex);
        if (missing.Count == 0)
        {
            var inTorch = forTorch ? null : probe.MissingInTorch(options.DeviceIndex);
            var apart = inTorch is null ? "" : $" for graphs; tensors stay on the CPU, because {inTorch}";
            return new(ExecutionDevice.Cuda, options.DeviceIndex, $"CUDA device {options.DeviceIndex}{apart}.")
                { TensorsOnGpu = inTorch is null };
        }

        // Whoever asks for nothing gets a few words, whoever asks for CUDA all that is missing. Without a driver nothing else matters.
        if (options.Device == ExecutionDevice.Auto)
            return new(ExecutionDevice.Cpu, 0, $"CPU, because CUDA does not work here: {missing[^1].Short}.");
        var asked = options.DeviceIndex > 0 ? $"cuda:{options.DeviceIndex}" : "cuda";
        throw new DeviceUnavailableException(
            $"Device '{asked}' is not available: {string.Join("; ", missing)}. Ask for 'cpu' or 'auto' to run without it.");
    }
}
