using DiffeoNN.Onnx.Execution;
using Microsoft.ML.OnnxRuntime;

namespace DiffeoNN.Onnx.GpuCheck.Running;

/// <summary>A device that sessions are made for, with the options that the library itself would use.</summary>
internal sealed class Target
{
    private readonly CoreBudget _budget;

    /// <exception cref="DeviceUnavailableException">CUDA is asked for and does not work.</exception>
    public Target(ExecutionDevice device, int index, int threads, CudnnSearch convolutions = CudnnSearch.Heuristic)
    {
        Execution = new ExecutionOptions
        {
            Device = device, DeviceIndex = index, Threads = threads, Cuda = new CudaOptions { ConvolutionSearch = convolutions },
        };
        Runtime.Initialise(threads);
        Selection = DeviceSelection.Choose(Execution);
        _budget = new CoreBudget(threads);
        Memory = IsCuda
            ? new OrtMemoryInfo(OrtMemoryInfo.allocatorCUDA, OrtAllocatorType.DeviceAllocator, Selection.Index, OrtMemType.Default)
            : OrtMemoryInfo.DefaultInstance;
    }

    /// <summary>For engines and models of the library.</summary>
    public ExecutionOptions Execution { get; }

    /// <summary>What was taken, and why.</summary>
    public DeviceSelection Selection { get; }

    /// <summary>Whether it is a GPU.</summary>
    public bool IsCuda => Selection.Device == ExecutionDevice.Cuda;

    /// <summary>As rows name it.</summary>
    public string Name => IsCuda ? "cuda" : "cpu";

    /// <summary>The device's memory.</summary>
    public OrtMemoryInfo Memory { get; }

    /// <summary>The device that was asked for.</summary>
    public static Target Of(CheckOptions options) => new(options.Device, options.DeviceIndex, options.Threads, options.Convolutions);

    /// <summary>The CPU, to compare with.</summary>
    public static Target Cpu(CheckOptions options) => new(ExecutionDevice.Cpu, 0, options.Threads);

    /// <summary>Options of a session.</summary>
    /// <param name="name">What messages call it.</param>
    /// <param name="tf32">Whether float32 products may be rounded to TF32 on a GPU.</param>
    /// <returns>The caller disposes them.</returns>
    public SessionOptions Options(string name, bool tf32 = false) =>
        new SessionFactory(Selection, _budget, Execution.Cuda with { Tf32 = tf32 }).Options(name);
}
