using DiffeoNN.Onnx.Native;
using Microsoft.ML.OnnxRuntime;

namespace DiffeoNN.Onnx.Execution;

/// <summary>A session whose inputs and outputs stay on the session's device from one run to the next.</summary>
/// <remarks>Every run waits for the device at its end, so what one graph wrote another may read.
/// Inputs in the CPU's memory are copied to the device as they are bound.</remarks>
internal sealed class DeviceGraph : IDisposable
{
    private readonly InferenceSession _session;
    private readonly OrtMemoryInfo _device;
    private readonly OrtMemoryInfo _host;
    private readonly bool _ownsDevice;

    /// <param name="name">What messages call it.</param>
    /// <param name="session">Disposed with the graph.</param>
    /// <param name="device">What the session was made for.</param>
    public DeviceGraph(string name, InferenceSession session, DeviceSelection device)
    {
        (Name, _session) = (name, session);
        _ownsDevice = device.Device == ExecutionDevice.Cuda;
        _device = _ownsDevice
            ? new OrtMemoryInfo(OrtMemoryInfo.allocatorCUDA, OrtAllocatorType.DeviceAllocator, device.Index, OrtMemType.Default)
            : OrtMemoryInfo.DefaultInstance;
        // Memory that the device writes into by itself.
        _host = _ownsDevice
            ? new OrtMemoryInfo(OrtMemoryInfo.allocatorCUDA_PINNED, OrtAllocatorType.DeviceAllocator, device.Index, OrtMemType.CpuOutput)
            : OrtMemoryInfo.DefaultInstance;
    }

    /// <summary>What messages call it.</summary>
    public string Name { get; }

    /// <summary>Names of its inputs.</summary>
    public IReadOnlyList<string> Inputs => _session.InputNames;

    /// <summary>Runs the graph.</summary>
    /// <param name="inputs">One value for each input; others are left out of account.</param>
    /// <param name="kept">Outputs that stay on the device.</param>
    /// <param name="read">Outputs for the host, in the CPU's memory.</param>
    /// <param name="cancellationToken">Stops this run only.</param>
    /// <returns>The outputs by name; the caller disposes them.</returns>
    /// <exception cref="GraphException">ONNX Runtime failed.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public Dictionary<string, DeviceTensor> Run(
        IReadOnlyDictionary<string, DeviceTensor> inputs, string[] kept, string[] read, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using var binding = _session.CreateIoBinding();
        using var options = new RunOptions { LogSeverityLevel = OrtEnvironment.LogLevel };
        using var registration = cancellationToken.Register(static state => ((RunOptions)state!).Terminate = true, options);
        try
        {
            foreach (var input in _session.InputNames)
                binding.BindInput(input, inputs[input].Value);
            foreach (var output in kept)
                binding.BindOutputToDevice(output, _device);
            foreach (var output in read)
                binding.BindOutputToDevice(output, _host);
            _session.RunWithBinding(options, binding);
            var values = binding.GetOutputValues();
            return kept.Concat(read).Zip(values).ToDictionary(
                pair => pair.First, pair => DeviceTensor.Own(pair.Second), StringComparer.Ordinal);
        }
        catch (OnnxRuntimeException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
        catch (OnnxRuntimeException e)
        {
            throw new GraphException($"Graph '{Name}' failed: {OnnxRuntimeEngine.OneLine(e)}.", e);
        }
    }

    /// <summary>Runs a graph of one output that stays on the device.</summary>
    public DeviceTensor RunSingle(
        IReadOnlyDictionary<string, DeviceTensor> inputs, string output, CancellationToken cancellationToken = default) =>
            Run(inputs, [output], [], cancellationToken)[output];

    /// <inheritdoc/>
    public void Dispose()
    {
        _session.Dispose();
        if (!_ownsDevice)
            return;
        _device.Dispose();
        _host.Dispose();
    }
}
