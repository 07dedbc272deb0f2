using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Torch;

/// <summary>A graph that libtorch runs.</summary>
/// <remarks>Several threads may run it at once.</remarks>
internal sealed class TorchGraph : IDifferentiableGraph
{
    private readonly TorchProgram _program;
    private readonly DeviceSelection _device;
    private readonly GraphInputs _check;
    private readonly HashSet<string> _outputNames;
    private readonly ReaderWriterLockSlim _inUse = new(LockRecursionPolicy.SupportsRecursion);
    private bool _disposed;

    /// <param name="name">What messages call it.</param>
    /// <param name="model">Without functions, at version 16 of the operator set or later.</param>
    /// <param name="device">Where it runs.</param>
    /// <param name="operators">The table of operators.</param>
    /// <exception cref="GraphException">Operators are missing, or an input or output is of a type that libtorch lacks.</exception>
    public TorchGraph(string name, OnnxModel model, DeviceSelection device, TorchOperators operators)
    {
        Name = name;
        Model = model;
        _device = device;
        Inputs = [.. model.Graph.RequiredInputs.Select(input => Describe("Input", input))];
        Outputs = [.. model.Graph.Outputs.Select(output => Describe("Output", output))];
        _outputNames = [.. Outputs.Select(output => output.Name)];
        _check = new GraphInputs(name, [.. Inputs.Where(input => model.Graph.Input(input.Name).Shape is not null)]);
        _program = new TorchProgram(name, model.Graph, model.Opset, operators, device.Torch);
    }

    /// <summary>The model as it is run: without functions, raised to version 16 where it was older.</summary>
    public OnnxModel Model { get; }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public IReadOnlyList<GraphTensor> Inputs { get; }

    /// <inheritdoc/>
    public IReadOnlyList<GraphTensor> Outputs { get; }

    /// <summary>Whether an address lies in a tensor's memory.</summary>
    public static bool Holds(Tensor tensor, nint address)
    {
        var start = TensorMemory.Address(tensor);
        // A view may begin before or end behind what it was made from only within one storage; strides of 0 keep it inside.
        return address >= start && address < start + (tensor.NumberOfElements * tensor.ElementSize);
    }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, Tensor> Run(
        IReadOnlyDictionary<string, Tensor> inputs,
        IReadOnlyCollection<string>? outputNames = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        if (outputNames?.FirstOrDefault(name => !_outputNames.Contains(name)) is { } unknown)
            throw new GraphException($"Model '{Name}' has no output '{unknown}'. Outputs: {string.Join("; ", Outputs)}.");
        // Held until outputs were compared with the constants, which disposal frees.
        _inUse.EnterReadLock();
        try
        {
            using var quiet = no_grad();
            using var scope = NewDisposeScope();
            var found = RunValues(inputs, [.. outputNames?.Distinct() ?? Outputs.Select(output => output.Name)], null, cancellationToken);
            return found.ToDictionary(pair => pair.Key, pair => OwnMemory(pair.Value).MoveToOuterDisposeScope(), StringComparer.Ordinal);
        }
        finally
        {
            _inUse.ExitReadLock();
        }

        Tensor OwnMemory(Tensor output)
        {
            var here = output.is_contiguous() ? output : output.contiguous();
            if (here.NumberOfElements == 0) return here;
            var address = TensorMemory.Address(here);
            return inputs.Values.Any(input => Holds(input, address)) || _program.Owns(address) ? here.clone() : here;
        }
    }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, Tensor> RunValues(
        IReadOnlyDictionary<string, Tensor> inputs,
        IReadOnlyList<string> wanted,
        Action<string, Tensor>? observe = null,
        CancellationToken cancellationToken = default)
    {
        _inUse.EnterReadLock();
        try
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _check.Bind(
                inputs.Where(pair => Model.Graph.Inputs.Find(input => input.Name == pair.Key)?.Shape is not null).ToDictionary(), _device);
            if (Inputs.FirstOrDefault(input => !inputs.ContainsKey(input.Name)) is { } missing)
                throw new GraphException($"Model '{Name}' needs input {missing}.");
            using var scope = NewDisposeScope();
            var placed = _device.Device == ExecutionDevice.Cuda
                ? inputs.ToDictionary(pair => pair.Key, pair => pair.Value.is_floating_point() ? pair.Value.to(_device.Torch) : pair.Value)
                : inputs;
            var values = _program.Run(placed, wanted, null, observe, cancellationToken);
            return wanted.Zip(values).ToDictionary(
                pair => pair.First, pair => pair.Second.MoveToOuterDisposeScope(), StringComparer.Ordinal);
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
            if (!_disposed) _program.Dispose();
            _disposed = true;
        }
        finally
        {
            _inUse.ExitWriteLock();
        }
    }

    private GraphTensor Describe(string kind, OnnxValueInfo value)
    {
        var type = TorchTensors.SameTypeAs(value.ElementType)
            ?? throw new GraphException($"{kind} {value} of model '{Name}' has elements of a type that libtorch lacks.");
        return new GraphTensor(value.Name, type, [.. value.Shape?.Select(size => size.Size) ?? []],
            [.. value.Shape?.Select(size => GraphTensor.SymbolOf(size.Symbol)) ?? []]);
    }
}
