using DiffeoNN.Onnx.Native;
using Microsoft.ML.OnnxRuntime;
using TorchSharp;

namespace DiffeoNN.Onnx.Execution;

/// <summary>A session of ONNX Runtime that reads and writes the memory of TorchSharp tensors.</summary>
/// <remarks>
/// Several threads may run it at once. Outputs lie where the inputs lie.
/// An output whose shape follows from the inputs is written straight into the tensor that is returned;
/// any other is allocated by ONNX Runtime and copied once.
/// </remarks>
internal sealed class OrtGraph : IGraph
{
    private readonly InferenceSession _session;
    private readonly DeviceSelection _device;
    private readonly GraphInputs _check;
    private readonly Dictionary<string, GraphTensor> _outputs;
    private readonly ReaderWriterLockSlim _inUse = new(LockRecursionPolicy.NoRecursion);
    private bool _disposed;
    private long _copiedOutputs;

    /// <param name="name">What messages call it.</param>
    /// <param name="session">Disposed with the graph.</param>
    /// <param name="device">What the session was made for.</param>
    /// <exception cref="GraphException">An input or output is no tensor, or of a type that libtorch lacks.</exception>
    public OrtGraph(string name, InferenceSession session, DeviceSelection device)
    {
        Name = name;
        _session = session;
        _device = device;
        Inputs = [.. session.InputNames.Select(input => Describe("Input", input, session.InputMetadata[input]))];
        Outputs = [.. session.OutputNames.Select(output => Describe("Output", output, session.OutputMetadata[output]))];
        _check = new GraphInputs(name, Inputs);
        _outputs = Outputs.ToDictionary(output => output.Name);
    }

    /// <summary>How many outputs were copied so far, because their shape was not known before the run.</summary>
    public long CopiedOutputs => Interlocked.Read(ref _copiedOutputs);

    public string Name { get; }

    public IReadOnlyList<GraphTensor> Inputs { get; }

    public IReadOnlyList<GraphTensor> Outputs { get; }

    public IReadOnlyDictionary<string, torch.Tensor> Run(
        IReadOnlyDictionary<string, torch.Tensor> inputs,
        IReadOnlyCollection<string>? outputNames = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        cancellationToken.ThrowIfCancellationRequested();
        _inUse.EnterReadLock();
        try
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            var wanted = Wanted(outputNames);
            var sizes = _check.Bind(inputs, _device);
            var onGpu = inputs.Values.Any(tensor => tensor.device_type == DeviceType.CUDA);
            // libtorch queues its work on a stream that ONNX Runtime does not know.
            if (onGpu) torch.cuda.synchronize(_device.Torch);
            return RunChecked(inputs, wanted, sizes, onGpu ? _device.Torch : torch.CPU, cancellationToken);
        }
        finally
        {
            _inUse.ExitReadLock();
        }
    }

    /// <summary>Waits for runs in progress.</summary>
    public void Dispose()
    {
        _inUse.EnterWriteLock();
        try
        {
            if (!_disposed) _session.Dispose();
            _disposed = true;
        }
        finally
        {
            _inUse.ExitWriteLock();
        }
    }

    private Dictionary<string, torch.Tensor> RunChecked(
        IReadOnlyDictionary<string, torch.Tensor> inputs,
        IReadOnlyList<GraphTensor> wanted,
        Dictionary<string, long> sizes,
        torch.Device device,
        CancellationToken cancellationToken)
    {
        var results = new Dictionary<string, torch.Tensor>(wanted.Count);
        List<OrtValue> values = [];
        try
        {
            using var binding = _session.CreateIoBinding();
            foreach (var input in Inputs) binding.BindInput(input.Name, Share(inputs[input.Name]));
            foreach (var output in wanted)
            {
                if (ResolveShape(output, sizes) is { } shape)
                {
                    var tensor = torch.empty(shape, dtype: output.Type, device: device);
                    results.Add(output.Name, tensor);
                    binding.BindOutput(output.Name, Share(tensor));
                }
                else
                {
                    binding.BindOutputToDevice(output.Name, OrtMemoryInfo.DefaultInstance);
                }
            }

            Run(binding, cancellationToken);
            if (results.Count < wanted.Count) Collect(binding, wanted, results, device);
            GC.KeepAlive(inputs);
            return results;
        }
        catch
        {
            foreach (var tensor in results.Values) tensor.Dispose();
            throw;
        }
        finally
        {
            foreach (var value in values) value.Dispose();
        }

        OrtValue Share(torch.Tensor tensor)
        {
            var value = OrtMemory.Share(tensor);
            values.Add(value);
            return value;
        }
    }

    private void Run(OrtIoBinding binding, CancellationToken cancellationToken)
    {
        // Terminate stops every run that shares the options: these belong to this run alone.
        using var options = new RunOptions { LogSeverityLevel = OrtEnvironment.LogLevel };
        using var registration = cancellationToken.Register(static state => ((RunOptions)state!).Terminate = true, options);
        try
        {
            _session.RunWithBinding(options, binding);
        }
        catch (OnnxRuntimeException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
        catch (OnnxRuntimeException e)
        {
            throw new GraphException($"Model '{Name}' failed: {OnnxRuntimeEngine.OneLine(e)}.", e);
        }
    }

    /// <summary>Adds the outputs that ONNX Runtime allocated by itself.</summary>
    private void Collect(
        OrtIoBinding binding, IReadOnlyList<GraphTensor> wanted, Dictionary<string, torch.Tensor> results, torch.Device device)
    {
        using var values = binding.GetOutputValues();
        for (var i = 0; i < wanted.Count; i++)
        {
            if (results.ContainsKey(wanted[i].Name)) continue;
            var tensor = OrtMemory.Copy(values[i]);
            Interlocked.Increment(ref _copiedOutputs);
            if (device.type == DeviceType.CUDA)
            {
                using var onCpu = tensor;
                tensor = onCpu.to(device);
            }

            results.Add(wanted[i].Name, tensor);
        }
    }

    private GraphTensor[] Wanted(IReadOnlyCollection<string>? names) => names is null
        ? [.. Outputs]
        : [.. names.Distinct().Select(name => _outputs.GetValueOrDefault(name)
            ?? throw new GraphException($"Model '{Name}' has no output '{name}'. Outputs: {string.Join("; ", Outputs)}."))];

    /// <summary>An output's shape where the inputs determine it, otherwise null.</summary>
    private static long[]? ResolveShape(GraphTensor output, Dictionary<string, long> sizes)
    {
        // Rank 0 may also mean that the rank is unknown.
        if (output.Dimensions.Count == 0) return null;
        var shape = new long[output.Dimensions.Count];
        for (var i = 0; i < shape.Length; i++)
        {
            if (output.Dimensions[i] is { } size) shape[i] = size;
            else if (output.Symbols[i] is { } symbol && sizes.TryGetValue(symbol, out var bound)) shape[i] = bound;
            else return null;
        }

        return shape;
    }

    private GraphTensor Describe(string kind, string name, NodeMetadata metadata)
    {
        if (!metadata.IsTensor)
            throw new GraphException($"{kind} '{name}' of model '{Name}' is a {metadata.OnnxValueType}; only tensors are supported.");
        var type = ElementTypes.ToTorch(metadata.ElementDataType)
            ?? throw new GraphException(
                $"{kind} '{name}' of model '{Name}' has elements of type {metadata.ElementDataType}, which libtorch lacks.");
        long?[] dimensions = [.. metadata.Dimensions.Select(size => size < 0 ? (long?)null : size)];
        string?[] symbols = [.. metadata.SymbolicDimensions.Select(GraphTensor.SymbolOf)];
        return new GraphTensor(name, type, dimensions, symbols);
    }
}
