using System.Runtime.InteropServices;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Training;

/// <summary>A network of which some weights are tensors that training changes, and that ONNX Runtime reads where they lie.</summary>
/// <remarks>Owns the tensors. Not for several threads at once.</remarks>
public sealed class TrainableNetwork : IDisposable
{
    private readonly OnnxModel _model;
    private readonly Dictionary<string, int> _places;

    /// <summary>Takes a network's initialisers for the start of its training.</summary>
    /// <param name="model">The network; it is not changed.</param>
    /// <param name="selection">Which weights are trained; all if null.</param>
    /// <param name="name">What it is called in messages, checkpoints and joined graphs; the graph's name if null. Networks that meet in one
    /// objective need different names.</param>
    /// <exception cref="TrainingException">There is no weight to train, or a pattern matches none.</exception>
    /// <exception cref="NativeLibraryException">libtorch does not load.</exception>
    public TrainableNetwork(OnnxModel model, WeightSelection? selection = null, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        Runtime.LoadTorch();
        _model = model.Copy();
        Name = name ?? model.Graph.Name;
        Weights = (selection ?? WeightSelection.All).Choose(_model);
        _places = Weights.Select((weight, i) => (weight, i)).ToDictionary(p => p.weight, p => p.i, StringComparer.Ordinal);
        Shapes = [.. Weights.Select(weight => _model.Graph.Initializers[weight].Dimensions.ToArray())];
        Memory = new FlatMemory(Shapes);
        for (var i = 0; i < Weights.Count; i++)
            Write(Memory.Views[i], MemoryMarshal.Cast<byte, float>(_model.Graph.Initializers[Weights[i]].Data.Span));
    }

    /// <summary>What it is called.</summary>
    public string Name { get; }

    /// <summary>Names of the weights that are trained, as in the model.</summary>
    public IReadOnlyList<string> Weights { get; }

    /// <summary>How many numbers are trained.</summary>
    public long WeightCount => Shapes.Sum(shape => shape.Aggregate(1L, (product, size) => product * size));

    /// <summary>Inputs that the network needs.</summary>
    public IReadOnlyList<OnnxValueInfo> Inputs => [.. _model.Graph.RequiredInputs];

    /// <summary>Outputs of the network.</summary>
    public IReadOnlyList<OnnxValueInfo> Outputs => _model.Graph.Outputs;

    internal IReadOnlyList<long[]> Shapes { get; }

    internal FlatMemory Memory { get; }

    internal bool IsDisposed { get; private set; }

    /// <summary>A weight as it stands: float32 on the CPU, of the network's memory.
    /// What is written to it is what the next step reads.</summary>
    /// <param name="weight">One of <see cref="Weights"/>.</param>
    /// <exception cref="TrainingException">It is not trained.</exception>
    public torch.Tensor this[string weight] => _places.TryGetValue(weight, out var place)
        ? Memory.Views[place]
        : throw new TrainingException($"Network '{Name}' trains no weight '{weight}'. It trains: {string.Join(", ", Weights)}.");

    /// <summary>The network with its weights as they stand: a copy of the model, names, metadata and what is not trained kept.</summary>
    public OnnxModel ToModel() => With(Memory);

    /// <inheritdoc/>
    public void Dispose()
    {
        IsDisposed = true;
        Memory.Dispose();
    }

    /// <summary>The network with other values for its weights.</summary>
    internal OnnxModel With(FlatMemory values)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        var result = _model.Copy();
        for (var i = 0; i < Weights.Count; i++)
            result.Graph.AddInitializer(OnnxTensor.Create<float>(Weights[i], Shapes[i], Read(values.Views[i])));
        return result;
    }

    /// <summary>The network at an operator set, its weights turned into inputs.</summary>
    internal OnnxModel Free(int opset)
    {
        var result = OpsetConverter.Convert(_model.Copy(), opset);
        foreach (var (weight, i) in Weights.Select((weight, i) => (weight, i)))
        {
            result.Graph.Initializers.Remove(weight);
            result.Graph.Inputs.RemoveAll(input => input.Name == weight);
            result.Graph.Inputs.Add(Declared(weight, i));
        }

        return result;
    }

    /// <summary>The weight as an input of a graph.</summary>
    internal OnnxValueInfo Declared(string name, int place) =>
        new(name, OnnxElementType.Float, [.. Shapes[place].Select(OnnxDimension.Of)]);

    internal int Opset => _model.Opset;

    private static unsafe void Write(torch.Tensor target, ReadOnlySpan<float> values) =>
        values.CopyTo(new Span<float>((void*)TensorMemory.Address(target), values.Length));

    private static unsafe ReadOnlySpan<float> Read(torch.Tensor source) =>
        new((void*)TensorMemory.Address(source), checked((int)source.NumberOfElements));
}
