using DiffeoNN.Onnx.Gradients;
using Microsoft.ML.OnnxRuntime;

namespace DiffeoNN.Onnx.Execution;

/// <summary>Loads ONNX models into ONNX Runtime, all with the same device and core budget.</summary>
public sealed class OnnxRuntimeEngine : IEngine
{
    private readonly SessionFactory _sessions;

    /// <summary>Prepares ONNX Runtime and libtorch for this process (<see cref="Runtime.Initialise"/>).</summary>
    /// <param name="options">Defaults if null.</param>
    /// <exception cref="NativeLibraryException">libtorch does not load.</exception>
    /// <exception cref="DeviceUnavailableException">CUDA is asked for, and ONNX Runtime cannot use it.</exception>
    public OnnxRuntimeEngine(ExecutionOptions? options = null)
    {
        Options = options ?? new ExecutionOptions();
        Runtime.Initialise(Options.Threads);
        Budget = new CoreBudget(Options.Threads);
        Device = DeviceSelection.Choose(Options);
        _sessions = new SessionFactory(Device, Budget, Options.Cuda) { Configure = Options.ConfigureSession };
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
        return Create(name, _sessions.Open(path, name));
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
        return Create(name, _sessions.Open(model, name, externalDataFolder));
    }

    /// <summary>Loads a model that was composed in memory.</summary>
    /// <param name="model">Of any size: one too large for a message of its own goes through a temporary folder.</param>
    /// <param name="name">What messages call it.</param>
    /// <returns>The caller disposes it.</returns>
    /// <exception cref="GraphException">The model has an operator, input or output that ONNX Runtime or libtorch lacks.</exception>
    public IGraph Load(OnnxModel model, string name)
    {
        ArgumentNullException.ThrowIfNull(model);
        return Load(model, name, SessionFactory.InMemoryLimit);
    }

    internal IGraph Load(OnnxModel model, string name, long inMemoryLimit) =>
        Create(name, _sessions.Open(model, name, null, inMemoryLimit));

    /// <summary>As <see cref="Load(OnnxModel, string)"/>, with weights that other graphs have, too.</summary>
    /// <param name="model">The model.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="weights">Must outlive the graph.</param>
    internal IGraph Load(OnnxModel model, string name, SharedWeights weights) => Create(name, _sessions.Open(model, name, weights));

    /// <summary>Loads a composed model for runs whose values stay on the device.</summary>
    /// <param name="model">The model.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="weights">Must outlive the graph; null where it shares none.</param>
    internal DeviceGraph LoadOnDevice(OnnxModel model, string name, SharedWeights? weights = null) =>
        new(name, _sessions.Open(model, name, weights), Device);

    /// <summary>A session of a composed model, for callers that bind memory of their own.</summary>
    internal InferenceSession OpenSession(OnnxModel model, string name, Action<SessionOptions> configure) =>
        _sessions.Open(model.ToBytes(), name, configure);

    private OrtGraph Create(string name, InferenceSession session)
    {
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

    /// <summary>ONNX Runtime's message as the end of a sentence.</summary>
    internal static string OneLine(OnnxRuntimeException e) => e.Message.ReplaceLineEndings(" ").Trim().TrimEnd('.');
}
