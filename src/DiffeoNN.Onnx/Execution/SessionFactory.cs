using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Native;
using Microsoft.ML.OnnxRuntime;

namespace DiffeoNN.Onnx.Execution;

/// <summary>Makes all sessions of ONNX Runtime: the one place that knows their options.</summary>
/// <param name="device">Where they run.</param>
/// <param name="budget">Their cores.</param>
/// <param name="cuda">How they use a GPU.</param>
internal sealed class SessionFactory(DeviceSelection device, CoreBudget budget, CudaOptions? cuda = null)
{
    /// <summary>Weights of more bytes are not passed as one block; protocol buffers end at 2 GiB.</summary>
    public const long InMemoryLimit = 1L << 30;

    /// <summary>How far ONNX Runtime may rewrite graphs.</summary>
    public GraphOptimizationLevel Optimisation { get; init; } = GraphOptimizationLevel.ORT_ENABLE_ALL;

    /// <summary>Last word on the options, which carry the graph's name as their log id; null keeps them.</summary>
    public Action<SessionOptions>? Configure { get; init; }

    /// <summary>A session of a file.</summary>
    /// <param name="path">Its external data, if any, lies beside it.</param>
    /// <param name="name">What messages call it.</param>
    /// <exception cref="GraphException">ONNX Runtime does not load it.</exception>
    public InferenceSession Open(string path, string name) => Open(name, options => new InferenceSession(path, options));

    /// <summary>A session of a serialised model.</summary>
    /// <param name="model">Not needed afterwards.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="externalDataFolder">Where its external data lies, if it has any.</param>
    /// <exception cref="GraphException">ONNX Runtime does not load it.</exception>
    public InferenceSession Open(byte[] model, string name, string? externalDataFolder = null) => Open(name, options =>
    {
        if (externalDataFolder is not null)
            options.AddSessionConfigEntry("session.model_external_initializers_file_folder_path", Path.GetFullPath(externalDataFolder));
        return new InferenceSession(model, options);
    });

    /// <summary>A session of a serialised model with options of its own.</summary>
    /// <param name="model">Not needed afterwards.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="configure">Has the last word on the options.</param>
    /// <exception cref="GraphException">ONNX Runtime does not load it.</exception>
    public InferenceSession Open(byte[] model, string name, Action<SessionOptions> configure) => Open(name, options =>
    {
        configure(options);
        return new InferenceSession(model, options);
    });

    /// <summary>A session of a model in memory.</summary>
    /// <param name="model">Of any size: one too large for a message of its own goes through a temporary folder.
    /// Not needed afterwards.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="weights">Read where they lie instead of copied, on the CPU; must outlive the session. Null for none.</param>
    /// <param name="inMemoryLimit">Bytes of weights from which on a folder is used.</param>
    /// <exception cref="GraphException">ONNX Runtime does not load it.</exception>
    public InferenceSession Open(OnnxModel model, string name, SharedWeights? weights = null, long inMemoryLimit = InMemoryLimit)
    {
        if (model.Graph.Initializers.Values.Sum(tensor => tensor.ByteLength) <= inMemoryLimit)
        {
            var bytes = model.ToBytes();
            if (weights is null || device.Device != ExecutionDevice.Cpu) return Open(bytes, name);
            return Open(name, options =>
            {
                weights.ApplyTo(options, model);
                return new InferenceSession(bytes, options, weights.Packed);
            });
        }

        var folder = Directory.CreateTempSubdirectory("diffeonn-");
        try
        {
            var path = Path.Combine(folder.FullName, "model.onnx");
            model.SaveWithExternalData(path, threshold: 1024);
            return Open(path, name);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>Options of a session.</summary>
    /// <returns>The caller disposes them.</returns>
    public SessionOptions Options(string name)
    {
        _ = OrtEnvironment.Create(budget.Cores);
        var options = new SessionOptions
        {
            LogSeverityLevel = OrtEnvironment.LogLevel, LogId = name, GraphOptimizationLevel = Optimisation,
        };
        budget.ApplyTo(options);
        if (device.Device == ExecutionDevice.Cpu && OrtEnvironment.SharesMemory)
            options.AddSessionConfigEntry("session.use_env_allocators", "1");
        Configure?.Invoke(options);
        if (device.Device == ExecutionDevice.Cuda) (cuda ?? new CudaOptions()).ApplyTo(options, device.Index);
        return options;
    }

    private InferenceSession Open(string name, Func<SessionOptions, InferenceSession> open)
    {
        try
        {
            using var options = Options(name);
            return open(options);
        }
        catch (OnnxRuntimeException e)
        {
            throw new GraphException($"Model '{name}' does not load: {OnnxRuntimeEngine.OneLine(e)}.", e);
        }
    }
}
