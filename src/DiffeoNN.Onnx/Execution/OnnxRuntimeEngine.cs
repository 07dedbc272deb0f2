using DiffeoNN.Onnx.Gradients;
using Microsoft.ML.OnnxRuntime;

namespace DiffeoNN.Onnx.Execution;

/// <summary>Loads ONNX models into ONNX Runtime, all with the same device and core budget.</summary>
public sealed class OnnxRuntimeEngine : IEngine
{
    /// <summary>Weights of more bytes are not passed as one block; protocol buffers end at 2 GiB.</summary>
    internal const long InMemoryLimit = 1L << 30;

    /// <summary>Prepares ONNX Runtime and libtorch for this process.</summary>
    /// <param name="options">Defaults if null.</param>
    /// <exception cref="NativeLibraryException">libtorch does not load.</exception>
    /// <exception cref="DeviceUnavailableException">CUDA is asked for, and ONNX Runtime cannot use it.</exception>
    public OnnxRuntimeEngine(ExecutionOptions? options = null)
    {
        Options = options ?? new ExecutionOptions();
        NativeLoader.EnsureLoaded();
        Budget = new CoreBudget(Options.Threads);
        Budget.ApplyToTorch();
        Device = DeviceSelection.Choose(Options);
    }

    /// <inheritdoc/>
    public string Name => "onnxruntime";

    /// <summary>As given.</summary>
    public ExecutionOptions Options { get; }

    /// <summary>The device taken.</summary>
    public DeviceSelection Device { get; }

    /// <summary>The cores taken.</summary>
    public CoreBudget Budget { get; }

    /// <summary>Loads a model from a file; its external data, if any, lies beside it.</summary>
    /// <param name="path">The ONNX file, of any size.</param>
    /// <returns>The caller disposes it. Named after the file.</returns>
    /// <exception cref="GraphException">The file is missing, malformed, or has an operator,
    /// input or output that ONNX Runtime or libtorch lacks.</exception>
    public IGraph Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!File.Exists(path)) throw new GraphException($"Model '{path}' does not exist; expected an ONNX file.");
        var name = Path.GetFileName(path);
        return Create(name, options => new InferenceSession(path, options));
    }

    /// <summary>Loads a model from memory.</summary>
    /// <param name="model">A serialised ONNX model, at most 2 GiB; not needed afterwards.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="externalDataFolder">Where its external data lies, if it has any.</param>
    /// <returns>The caller disposes it.</returns>
    /// <exception cref="GraphException">The model is malformed, or has an operator,
    /// input or output that ONNX Runtime or libtorch lacks.</exception>
    public IGraph Load(byte[] model, string name, string? externalDataFolder = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentException.ThrowIfNullOrEmpty(name);
        return Create(name, options =>
        {
            if (externalDataFolder is not null)
                options.AddSessionConfigEntry("session.model_external_initializers_file_folder_path", Path.GetFullPath(externalDataFolder));
            return new InferenceSession(model, options);
        });
    }

    /// <summary>Loads a model that was composed in memory.</summary>
    /// <param name="model">Of any size: one too large for a message of its own goes through a temporary folder.</param>
    /// <param name="name">What messages call it.</param>
    /// <returns>The caller disposes it.</returns>
    /// <exception cref="GraphException">The model has an operator, input or output that ONNX Runtime or libtorch lacks.</exception>
    public IGraph Load(OnnxModel model, string name)
    {
        ArgumentNullException.ThrowIfNull(model);
        return Load(model, name, InMemoryLimit);
    }

    internal IGraph Load(OnnxModel model, string name, long inMemoryLimit)
    {
        if (model.Graph.Initializers.Values.Sum(tensor => tensor.ByteLength) <= inMemoryLimit) return Load(model.ToBytes(), name);
        var folder = Directory.CreateTempSubdirectory("diffeonn-");
        try
        {
            var path = Path.Combine(folder.FullName, "model.onnx");
            model.SaveWithExternalData(path, threshold: 1024);
            return Create(name, options => new InferenceSession(path, options));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>Loads a composed model for runs whose values stay on the device.</summary>
    internal DeviceGraph LoadOnDevice(OnnxModel model, string name)
    {
        var bytes = model.ToBytes();
        return new DeviceGraph(name, Open(name, options => new InferenceSession(bytes, options)), Device);
    }

    private OrtGraph Create(string name, Func<SessionOptions, InferenceSession> open)
    {
        var session = Open(name, open);
        try
        {
            return new OrtGraph(name, session, Device);
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    private InferenceSession Open(string name, Func<SessionOptions, InferenceSession> open)
    {
        _ = OrtEnvironment.Instance;
        using var options = new SessionOptions { LogSeverityLevel = OrtEnvironment.LogLevel, LogId = name };
        Budget.ApplyTo(options);
        Options.ConfigureSession?.Invoke(options);
        try
        {
            if (Device.Device == ExecutionDevice.Cuda) Options.Cuda.ApplyTo(options, Device.Index);
            return open(options);
        }
        catch (OnnxRuntimeException e)
        {
            throw new GraphException($"Model '{name}' does not load: {OneLine(e)}.", e);
        }
    }

    /// <summary>ONNX Runtime's message as the end of a sentence.</summary>
    internal static string OneLine(OnnxRuntimeException e) => e.Message.ReplaceLineEndings(" ").Trim().TrimEnd('.');
}
