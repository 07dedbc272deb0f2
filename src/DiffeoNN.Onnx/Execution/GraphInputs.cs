using TorchSharp;

namespace DiffeoNN.Onnx.Execution;

/// <summary>Checks tensors against the inputs that a graph declares, and finds the sizes of its free dimensions.</summary>
internal sealed class GraphInputs(string model, IReadOnlyList<GraphTensor> declared)
{
    private readonly HashSet<string> _names = [.. declared.Select(input => input.Name)];

    /// <summary>Checks every input.</summary>
    /// <param name="inputs">What is given, by name.</param>
    /// <param name="device">What the graph was loaded for.</param>
    /// <returns>Size of each free dimension by its symbol.</returns>
    /// <exception cref="GraphException">Something does not fit; the message says what was expected.</exception>
    public Dictionary<string, long> Bind(IReadOnlyDictionary<string, torch.Tensor> inputs, DeviceSelection device)
    {
        foreach (var name in inputs.Keys)
            if (!_names.Contains(name))
                throw new GraphException($"Model '{model}' has no input '{name}'. Inputs: {string.Join("; ", declared)}.");

        var sizes = new Dictionary<string, long>();
        var owners = new Dictionary<string, string>();
        foreach (var input in declared)
        {
            if (!inputs.TryGetValue(input.Name, out var tensor))
                throw new GraphException($"Model '{model}' needs input {input}; given: {Names(inputs.Keys)}.");
            CheckMemory(input, tensor, device);
            CheckShape(input, tensor.shape, sizes, owners);
        }

        return sizes;
    }

    private void CheckMemory(GraphTensor input, torch.Tensor tensor, DeviceSelection device)
    {
        if (tensor.dtype != input.Type)
            throw Refuse(input, $"has type {tensor.dtype.ToString().ToLowerInvariant()}",
                $"convert it, for instance by .to(ScalarType.{input.Type})");
        var isHere = tensor.device_type == DeviceType.CPU
            || (tensor.device_type == DeviceType.CUDA && device.Device == ExecutionDevice.Cuda && tensor.device_index == device.Index);
        if (!isHere) throw Refuse(input, $"lies on {tensor.device}", $"this graph runs on {device.Torch}; move it there");
        if (!tensor.is_contiguous())
            throw Refuse(input, $"is not contiguous (shape {Shape(tensor.shape)}, strides {Shape(tensor.stride())})",
                "call .contiguous() first");
    }

    private void CheckShape(GraphTensor input, long[] shape, Dictionary<string, long> sizes, Dictionary<string, string> owners)
    {
        // ONNX Runtime reports an unknown rank as 0 and broadcasts whatever comes: a scalar that is none must not pass silently.
        if (shape.Length != input.Dimensions.Count)
            throw Refuse(input, $"has shape {Shape(shape)}", $"give it {input.Dimensions.Count} dimensions");
        for (var i = 0; i < shape.Length; i++)
        {
            if (input.Dimensions[i] is { } size)
            {
                if (shape[i] != size) throw Refuse(input, $"has shape {Shape(shape)}", $"dimension {i} must be {size}");
            }
            else if (input.Symbols[i] is { } symbol)
            {
                if (sizes.TryAdd(symbol, shape[i])) owners[symbol] = input.Name;
                else if (sizes[symbol] != shape[i])
                    throw Refuse(input, $"has shape {Shape(shape)}", $"{symbol} is already {sizes[symbol]} in input '{owners[symbol]}'");
            }
        }
    }

    private GraphException Refuse(GraphTensor input, string found, string cure) =>
        new($"Input '{input.Name}' of model '{model}' {found}; expected {input}: {cure}.");

    private static string Shape(IEnumerable<long> sizes) => $"[{string.Join(",", sizes)}]";

    private static string Names(IEnumerable<string> names) => names.Any() ? string.Join(", ", names.Select(name => $"'{name}'")) : "none";
}
