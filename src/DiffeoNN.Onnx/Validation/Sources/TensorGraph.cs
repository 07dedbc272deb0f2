using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Native;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace DiffeoNN.Onnx.Validation.Sources;

/// <summary>A session of ONNX Runtime whose inputs keep their values between runs; tensors go in and out by the CPU's memory.
/// For one thread.</summary>
internal sealed class TensorGraph : IDisposable
{
    private readonly string _name;
    private readonly InferenceSession _session;
    private readonly Dictionary<string, OrtValue> _inputs = [];

    /// <param name="model">The model.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="optimisation">How far ONNX Runtime may rewrite it;
    /// not at all for differences, since fused operators approximate.</param>
    /// <param name="threads">Cores; 0 for all.</param>
    /// <param name="device">Where it runs; null for the CPU.</param>
    /// <exception cref="GraphException">ONNX Runtime does not load the model.</exception>
    public TensorGraph(OnnxModel model, string name, GraphOptimizationLevel optimisation, int threads, DeviceSelection? device = null)
    {
        _name = name;
        device ??= DeviceSelection.Cpu;
        _session = new SessionFactory(device, new CoreBudget(threads)) { Optimisation = optimisation }.Open(model, name);
    }

    /// <summary>Sets an input that the graph has; any other is left out.</summary>
    public void Set(string name, OnnxTensor tensor)
    {
        if (!_session.InputNames.Contains(name) && !_session.OverridableInitializerMetadata.ContainsKey(name)) return;
        if (tensor.ElementType == OnnxElementType.String)
            throw new GraphException($"Input '{name}' of model '{_name}' holds texts, which this comparison does not handle.");
        var value = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, (TensorElementType)tensor.ElementType,
            [.. tensor.Dimensions]);
        tensor.Data.Span.CopyTo(value.GetTensorMutableRawData());
        if (_inputs.Remove(name, out var old)) old.Dispose();
        _inputs[name] = value;
    }

    /// <summary>Runs the graph.</summary>
    /// <param name="outputs">What to compute; texts and values that are no tensors (sequences,
    /// optional values) are left out of the result.</param>
    /// <exception cref="GraphException">ONNX Runtime fails.</exception>
    public Dictionary<string, OnnxTensor> Run(IReadOnlyList<string> outputs)
    {
        using var options = new RunOptions { LogSeverityLevel = OrtEnvironment.LogLevel };
        try
        {
            using var results = _session.Run(options, [.. _inputs.Keys], [.. _inputs.Values], outputs);
            return outputs.Select((name, i) => (name, Value: results[i])).Where(result => IsReadable(result.Value))
                .Select(result => Read(result.name, result.Value)).ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
        }
        catch (OnnxRuntimeException e)
        {
            throw new GraphException($"Model '{_name}' failed: {OnnxRuntimeEngine.OneLine(e)}.", e);
        }
    }

    public void Dispose()
    {
        foreach (var value in _inputs.Values) value.Dispose();
        _session.Dispose();
    }

    private static bool IsReadable(OrtValue value) =>
        value.IsTensor && value.GetTensorTypeAndShape().ElementDataType != TensorElementType.String;

    private static OnnxTensor Read(string name, OrtValue value)
    {
        var info = value.GetTensorTypeAndShape();
        return new OnnxTensor(name, (OnnxElementType)info.ElementDataType, info.Shape, value.GetTensorMutableRawData().ToArray());
    }
}
