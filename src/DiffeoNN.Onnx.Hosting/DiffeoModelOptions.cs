using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Inference;

namespace DiffeoNN.Onnx.Hosting;

/// <summary>What a service says of one model; every property but <see cref="Configure"/> can stand in its configuration.</summary>
public sealed class DiffeoModelOptions
{
    /// <summary>The bundle's folder, which holds <c>diffeonn.json</c>; relative paths are taken from the working directory.</summary>
    public string Bundle { get; set; } = "";

    /// <summary>Device asked for.</summary>
    public ExecutionDevice Device { get; set; } = ExecutionDevice.Auto;

    /// <summary>Number of the GPU, from 0.</summary>
    public int DeviceIndex { get; set; }

    /// <summary>What runs the graphs.</summary>
    public EngineKind Engine { get; set; } = EngineKind.OnnxRuntime;

    /// <summary>Cores; 0 for all that the process may use.</summary>
    public int Threads { get; set; }

    /// <summary>Largest number of steps of a search; 0 uses the start alone, null what the bundle says.</summary>
    public int? Steps { get; set; }

    /// <summary>Seed of searches.</summary>
    public ulong Seed { get; set; } = 1;

    /// <summary>Time after which a run takes no further step; null for no limit.</summary>
    public TimeSpan? TimeBudget { get; set; }

    /// <summary>Requests that are held, at least 1; those beyond wait for room before they are taken.</summary>
    public int QueueCapacity { get; set; } = 256;

    /// <summary>Whether the model is loaded, and run once on a black image, before the host counts as started; otherwise it is loaded when
    /// first asked for.</summary>
    public bool WarmsUp { get; set; } = true;

    /// <summary>Last word on the model's options: receives those that follow from the above, and returns what counts; null keeps
    /// them. It is also called when the options are checked.</summary>
    public Func<EquivariantOptions, EquivariantOptions>? Configure { get; set; }

    /// <summary>What is wrong with the configuration that these were read from, to follow the model's name.</summary>
    internal List<string> Unread { get; } = [];

    /// <summary>The model's options.</summary>
    internal EquivariantOptions ToModelOptions()
    {
        var options = new EquivariantOptions
        {
            Execution = new ExecutionOptions { Device = Device, DeviceIndex = DeviceIndex, Engine = Engine, Threads = Threads },
            Seed = Seed,
            TimeBudget = TimeBudget,
            QueueCapacity = QueueCapacity,
        };
        if (Steps is { } steps) options = options with { Steps = steps };
        return Configure is { } configure ? configure(options) : options;
    }
}
