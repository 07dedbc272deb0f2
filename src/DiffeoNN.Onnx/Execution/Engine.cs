namespace DiffeoNN.Onnx.Execution;

/// <summary>Makes engines.</summary>
public static class Engine
{
    /// <summary>Starts the engine that the options ask for.</summary>
    /// <param name="options">Defaults if null.</param>
    /// <exception cref="NativeLibraryException">libtorch does not load.</exception>
    /// <exception cref="DeviceUnavailableException">CUDA is asked for and does not work with this engine.</exception>
    public static IEngine Create(ExecutionOptions? options = null)
    {
        options ??= new ExecutionOptions();
        return options.Engine == EngineKind.Torch ? new TorchEngine(options) : new OnnxRuntimeEngine(options);
    }
}
