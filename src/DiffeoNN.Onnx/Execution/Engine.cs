using System.Collections.Concurrent;

namespace DiffeoNN.Onnx.Execution;

/// <summary>Makes engines.</summary>
/// <remarks>ONNX Runtime's is here; others come in assemblies of their own, which a program registers once, when it starts.</remarks>
public static class Engine
{
    /// <summary>The package that brings each engine that is not here, and what its user calls once.</summary>
    private static readonly Dictionary<EngineKind, (string Package, string Call)> Elsewhere = new()
    {
        [EngineKind.Torch] = ("DiffeoNN.Onnx.Torch", "DiffeoNN.Onnx.Torch.TorchEngine.Register()"),
    };

    private static readonly ConcurrentDictionary<EngineKind, Func<ExecutionOptions, IEngine>> Makers = new()
    {
        [EngineKind.OnnxRuntime] = options => new OnnxRuntimeEngine(options),
    };

    /// <summary>Starts the engine that the options ask for.</summary>
    /// <param name="options">Defaults if null.</param>
    /// <exception cref="EngineMissingException">The engine is in an assembly that was not registered; the message names its
    /// package.</exception>
    /// <exception cref="NativeLibraryException">libtorch does not load.</exception>
    /// <exception cref="DeviceUnavailableException">CUDA is asked for and does not work with this engine.</exception>
    public static IEngine Create(ExecutionOptions? options = null)
    {
        options ??= new ExecutionOptions();
        return Makers.TryGetValue(options.Engine, out var make) ? make(options) : throw Missing(options.Engine);
    }

    /// <summary>Makes an engine known to the whole process, for <see cref="Create"/> and all that runs on it.</summary>
    /// <param name="kind">What options ask for it by; whoever had that name before is replaced.</param>
    /// <param name="create">Starts it. Several threads may call it at once.</param>
    public static void Register(EngineKind kind, Func<ExecutionOptions, IEngine> create)
    {
        ArgumentNullException.ThrowIfNull(create);
        Makers[kind] = create;
    }

    /// <summary>Whether <see cref="Create"/> knows an engine.</summary>
    public static bool IsRegistered(EngineKind kind) => Makers.ContainsKey(kind);

    /// <summary>The engine torch, of which gradients and values in between can be had.</summary>
    internal static IDifferentiatingEngine CreateDifferentiating(ExecutionOptions options) =>
        Create(options with { Engine = EngineKind.Torch }) as IDifferentiatingEngine ?? throw new EngineMissingException(
            $"What is registered as the engine 'torch' does not differentiate; it must be an {nameof(IDifferentiatingEngine)}.");

    private static EngineMissingException Missing(EngineKind kind) => Elsewhere.TryGetValue(kind, out var home)
        ? new($"The engine '{kind.ToString().ToLowerInvariant()}' is not registered; reference the package {home.Package} and call "
            + $"{home.Call} once, before engines are made.")
        : new($"No engine '{kind}' is registered; registered are {string.Join(", ", Makers.Keys.Order())}.");
}
