using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace DiffeoNN.Onnx.Gradients.Tests;

/// <summary>Runs a model in ONNX Runtime on the CPU, one thread.</summary>
internal sealed class Runner : IDisposable
{
    private readonly InferenceSession _session;
    private readonly RunOptions _options = new();

    public Runner(OnnxModel model, bool optimise = true)
        : this(model.ToBytes(), optimise)
    {
    }

    public Runner(byte[] bytes, bool optimise = true)
        : this(options => new InferenceSession(bytes, options), optimise)
    {
    }

    private Runner(Func<SessionOptions, InferenceSession> create, bool optimise)
    {
        using var options = new SessionOptions
        {
            IntraOpNumThreads = 1,
            InterOpNumThreads = 1,
            GraphOptimizationLevel = optimise ? GraphOptimizationLevel.ORT_ENABLE_ALL : GraphOptimizationLevel.ORT_DISABLE_ALL,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL,
        };
        _session = create(options);
    }

    /// <summary>Runs a file, with the external data beside it.</summary>
    public static Runner OfFile(string path) => new(options => new InferenceSession(path, options), optimise: true);

    public IReadOnlyList<string> Outputs => _session.OutputNames;

    public Dictionary<string, OnnxTensor> Run(IReadOnlyDictionary<string, OnnxTensor> inputs, IReadOnlyList<string>? outputs = null)
    {
        outputs ??= _session.OutputNames;
        var names = _session.InputNames.Concat(_session.OverridableInitializerMetadata.Keys).Where(inputs.ContainsKey).ToList();
        var values = names.Select(n => ToValue(inputs[n])).ToList();
        try
        {
            using var results = _session.Run(_options, names, values, outputs);
            return outputs.Select((name, i) => FromValue(name, results[i])).ToDictionary(t => t.Name);
        }
        finally
        {
            values.ForEach(v => v.Dispose());
        }
    }

    public void Dispose()
    {
        _session.Dispose();
        _options.Dispose();
    }

    private static OrtValue ToValue(OnnxTensor t)
    {
        var value = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, (TensorElementType)t.ElementType, [.. t.Dimensions]);
        if (t.Count > 0)
            t.Data.Span.CopyTo(value.GetTensorMutableRawData());
        return value;
    }

    private static OnnxTensor FromValue(string name, OrtValue value)
    {
        if (!value.IsTensor)
            return OnnxTensor.Scalar(name, 0L);
        var info = value.GetTensorTypeAndShape();
        var data = info.ElementCount > 0 ? value.GetTensorMutableRawData().ToArray() : [];
        return new OnnxTensor(name, (OnnxElementType)info.ElementDataType, info.Shape, data);
    }
}
