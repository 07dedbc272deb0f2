using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Native;

namespace DiffeoNN.Onnx.Torch;

/// <summary>Runs ONNX models on libtorch through TorchSharp: needs no backward graphs, and runs on CUDA wherever TorchSharp does.</summary>
/// <remarks>The CUDA path could not be run where this library was built.</remarks>
public sealed class TorchEngine : IDifferentiatingEngine
{
    private readonly TorchOperators _operators;

    /// <summary>Prepares libtorch for this process (<see cref="Runtime.Initialise"/>).</summary>
    /// <param name="options">Defaults if null; the engine asked for is of no account.</param>
    /// <exception cref="NativeLibraryException">libtorch does not load, or convolves wrongly on this CPU, which is tried; where oneDNN is
    /// to blame it is switched off for the process.</exception>
    /// <exception cref="DeviceUnavailableException">CUDA is asked for and does not work.</exception>
    public TorchEngine(ExecutionOptions? options = null)
        : this(options, TorchOperators.Default)
    {
    }

    internal TorchEngine(ExecutionOptions? options, TorchOperators operators)
    {
        options = (options ?? new ExecutionOptions()) with { Engine = EngineKind.Torch };
        Runtime.Initialise(options.Threads);
        Budget = new CoreBudget(options.Threads);
        Device = DeviceSelection.Choose(options);
        if (Device.Device == ExecutionDevice.Cpu) LibtorchConvolutions.Require();
        _operators = operators;
    }

    /// <summary>Makes the engine known to this process, so that <see cref="EngineKind.Torch"/> can be asked for:
    /// to be called once, when a program starts; more often does no harm.</summary>
    public static void Register() => Engine.Register(EngineKind.Torch, options => new TorchEngine(options));

    /// <inheritdoc/>
    public string Name => "torch";

    /// <inheritdoc/>
    public DeviceSelection Device { get; }

    /// <inheritdoc/>
    public CoreBudget Budget { get; }

    /// <inheritdoc/>
    public IGraph Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!File.Exists(path)) throw new GraphException($"Model '{path}' does not exist; expected an ONNX file.");
        try
        {
            return Load(OnnxModel.Load(path), Path.GetFileName(path));
        }
        catch (OnnxModelException error)
        {
            throw new GraphException($"Model '{Path.GetFileName(path)}' does not load: {error.Message}", error);
        }
    }

    /// <inheritdoc/>
    public IGraph Load(OnnxModel model, string name) => LoadTorch(model, name);

    /// <inheritdoc/>
    public IDifferentiableGraph LoadDifferentiable(OnnxModel model, string name) => LoadTorch(model, name);

    /// <summary>As <see cref="LoadDifferentiable"/>, by its own type.</summary>
    internal TorchGraph LoadTorch(OnnxModel model, string name)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentException.ThrowIfNullOrEmpty(name);
        return new TorchGraph(name, Convert(model, name), Device, _operators);
    }

    /// <summary>Inlines functions and raises old models to the version of the operator set that the table begins with.</summary>
    private static OnnxModel Convert(OnnxModel model, string name)
    {
        try
        {
            var newest = model.Functions.Select(function => function.OpsetImports.GetValueOrDefault("", 0)).Append(model.Opset).Max();
            return OpsetConverter.Convert(model, (int)Math.Max(GradientCompiler.MinimumOpset, newest));
        }
        catch (GradientException error)
        {
            throw new GraphException($"Model '{name}' does not load: {error.Message}", error);
        }
    }
}
