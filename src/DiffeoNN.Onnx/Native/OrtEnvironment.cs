using Microsoft.ML.OnnxRuntime;

namespace DiffeoNN.Onnx.Native;

/// <summary>ONNX Runtime's environment, of which a process has one: quiet, without telemetry, and with one pool of threads and
/// one of memory for all sessions.</summary>
/// <remarks>An error comes as an exception with its whole message; logging it as well would only put raw lines, for cancelled runs too,
/// on standard error.</remarks>
internal static class OrtEnvironment
{
    /// <summary>What is logged.</summary>
    public const OrtLoggingLevel LogLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL;

    private static readonly Lock Gate = new();
    private static OrtEnv? _created;

    /// <summary>Created on first use; an environment that the program made before is taken as it is.</summary>
    public static OrtEnv Instance => Create(Environment.ProcessorCount);

    /// <summary>Threads of the pool that sessions may share; 0 where there is none, since the program made the environment.</summary>
    public static int PoolThreads { get; private set; }

    /// <summary>Whether sessions may take the memory that they compute in from one place, so that those which run in turn need as much as
    /// the largest of them, and not as all together.</summary>
    public static bool SharesMemory { get; private set; }

    /// <summary>Creates the environment unless there is one.</summary>
    /// <param name="threads">Threads of its pool, at least 1; they sleep where there is nothing to do, as libtorch's turn may be.</param>
    public static OrtEnv Create(int threads)
    {
        lock (Gate)
        {
            if (_created is not null) return _created;
            if (OrtEnv.IsCreated)
            {
                _created = OrtEnv.Instance();
            }
            else
            {
                using var pool = new OrtThreadingOptions
                {
                    GlobalIntraOpNumThreads = threads, GlobalInterOpNumThreads = 1, GlobalSpinControl = false,
                };
                var options = new EnvironmentCreationOptions { logId = "DiffeoNN", logLevel = LogLevel, threadOptions = pool };
                _created = OrtEnv.CreateInstanceWithOptions(ref options);
                PoolThreads = threads;
                using var memory = new OrtMemoryInfo(
                    OrtMemoryInfo.allocatorCPU, OrtAllocatorType.ArenaAllocator, 0, OrtMemType.Default);
                // What it has by default: no limit, and room that doubles as it is needed.
                using var growth = new OrtArenaCfg(0, -1, -1, -1);
                _created.CreateAndRegisterAllocator(memory, growth);
                SharesMemory = true;
            }

            _created.DisableTelemetryEvents();
            return _created;
        }
    }
}
