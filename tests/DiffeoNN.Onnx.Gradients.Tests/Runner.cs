using Microsoft.ML.OnnxRuntime;

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
    {
        using var options = new SessionOptions
        {
            IntraOpNumThreads = 1,
            InterOpNumThreads = 1,
            GraphOptimizationLevel = optimise ? GraphOptimizationLevel.ORT_ENABLE_ALL : GraphOptimizationLevel.ORT_DISABLE_ALL,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL,
        };
        _session = new InferenceSession(bytes, options);
    }

    public IReadOnlyList<string> Outputs => _session.OutputNames;

    public Dictionary<string, OnnxTensor> Run(IReadOnlyDictionary<string, OnnxTensor> inputs, IReadOnlyList<string>? outputs = null)
    {
        outputs ??= _session.OutputNames;
        var names = _session.InputNames.Where(inputs.ContainsKey).ToList();
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
        long[] shape = [.. t.Dimensions];
        return t.ElementType switch
        {
            OnnxElementType.Float => OrtValue.CreateTensorValueFromMemory(t.ToArray<float>(), shape),
            OnnxElementType.Double => OrtValue.CreateTensorValueFromMemory(t.ToArray<double>(), shape),
            OnnxElementType.Int64 => OrtValue.CreateTensorValueFromMemory(t.ToArray<long>(), shape),
            OnnxElementType.Int32 => OrtValue.CreateTensorValueFromMemory(t.ToArray<int>(), shape),
            OnnxElementType.Bool => OrtValue.CreateTensorValueFromMemory(t.ToArray<bool>(), shape),
            OnnxElementType.UInt8 => OrtValue.CreateTensorValueFromMemory(t.ToArray<byte>(), shape),
            _ => throw new NotSupportedException($"{t.ElementType}"),
        };
    }

    private static OnnxTensor FromValue(string name, OrtValue value)
    {
        if (!value.IsTensor)
            return OnnxTensor.Scalar(name, 0L);
        var info = value.GetTensorTypeAndShape();
        return (OnnxElementType)info.ElementDataType switch
        {
            OnnxElementType.Float => OnnxTensor.Create(name, info.Shape, value.GetTensorDataAsSpan<float>()),
            OnnxElementType.Double => OnnxTensor.Create(name, info.Shape, value.GetTensorDataAsSpan<double>()),
            OnnxElementType.Int64 => OnnxTensor.Create(name, info.Shape, value.GetTensorDataAsSpan<long>()),
            OnnxElementType.Int32 => OnnxTensor.Create(name, info.Shape, value.GetTensorDataAsSpan<int>()),
            OnnxElementType.Bool => OnnxTensor.Create(name, info.Shape, value.GetTensorDataAsSpan<bool>()),
            OnnxElementType.UInt8 => OnnxTensor.Create(name, info.Shape, value.GetTensorDataAsSpan<byte>()),
            _ => throw new NotSupportedException($"{info.ElementDataType}"),
        };
    }
}
