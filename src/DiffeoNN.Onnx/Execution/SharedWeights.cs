using System.Runtime.InteropServices;
using DiffeoNN.Onnx.Gradients;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace DiffeoNN.Onnx.Execution;

/// <summary>Weights that several sessions read from one place in memory: of a graph with and one without its gradient, for
/// instance.</summary>
/// <remarks>Outlives the sessions that were made with it. For the CPU: a GPU's sessions keep weights of their own.</remarks>
internal sealed unsafe class SharedWeights : IDisposable
{
    /// <summary>As ONNX Runtime's own allocator aligns, for its kernels.</summary>
    private const int Alignment = 64;

    /// <summary>Smaller ones are not worth it.</summary>
    private const long Smallest = 1024;

    private readonly Dictionary<string, (OnnxTensor Tensor, OrtValue Value, nint Memory)> _values = new(StringComparer.Ordinal);

    /// <param name="model">Its weights are copied once.</param>
    public SharedWeights(OnnxModel model)
    {
        foreach (var tensor in model.Graph.Initializers.Values.Where(IsWorthIt))
        {
            var memory = NativeMemory.AlignedAlloc((nuint)tensor.ByteLength, Alignment);
            tensor.Data.Span.CopyTo(new Span<byte>(memory, checked((int)tensor.ByteLength)));
            var value = OrtValue.CreateTensorValueWithData(OrtMemoryInfo.DefaultInstance, (TensorElementType)tensor.ElementType,
                [.. tensor.Dimensions], (nint)memory, tensor.ByteLength);
            _values[tensor.Name] = (tensor, value, (nint)memory);
        }
    }

    /// <summary>What kernels made of the weights for themselves, shared as the weights are.</summary>
    public PrePackedWeightsContainer Packed { get; } = new();

    /// <summary>Names and bytes that are shared.</summary>
    public IReadOnlyDictionary<string, long> Sizes =>
        _values.ToDictionary(pair => pair.Key, pair => pair.Value.Tensor.ByteLength, StringComparer.Ordinal);

    /// <summary>Lets a session read the weights that its model has in common with these: of the same name and value.</summary>
    public void ApplyTo(SessionOptions options, OnnxModel model)
    {
        foreach (var tensor in model.Graph.Initializers.Values)
        {
            if (_values.TryGetValue(tensor.Name, out var shared) && IsSame(shared.Tensor, tensor))
                options.AddInitializer(tensor.Name, shared.Value);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Packed.Dispose();
        foreach (var (_, value, memory) in _values.Values)
        {
            value.Dispose();
            NativeMemory.AlignedFree((void*)memory);
        }

        _values.Clear();
    }

    private static bool IsWorthIt(OnnxTensor tensor) => tensor.ElementType == OnnxElementType.Float && tensor.ByteLength >= Smallest;

    private static bool IsSame(OnnxTensor a, OnnxTensor b) => ReferenceEquals(a, b)
        || (a.ElementType == b.ElementType && a.Dimensions.SequenceEqual(b.Dimensions) && a.Data.Span.SequenceEqual(b.Data.Span));
}
