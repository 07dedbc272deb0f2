using Microsoft.ML.OnnxRuntime;

namespace DiffeoNN.Onnx.Execution;

/// <summary>ONNX Runtime's environment, of which a process has one: quiet, and without telemetry.</summary>
/// <remarks>An error comes as an exception with its whole message; logging it as well would only put raw lines, for cancelled runs too,
/// on standard error.</remarks>
internal static class OrtEnvironment
{
    /// <summary>What is logged.</summary>
    public const OrtLoggingLevel LogLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL;

    private static readonly Lazy<OrtEnv> Created = new(Create);

    /// <summary>Created on first use; an environment that the program made before is taken as it is.</summary>
    public static OrtEnv Instance => Created.Value;

    private static OrtEnv Create()
    {
        OrtEnv environment;
        if (OrtEnv.IsCreated)
        {
            environment = OrtEnv.Instance();
        }
        else
        {
            var options = new EnvironmentCreationOptions { logId = "DiffeoNN", logLevel = LogLevel };
            environment = OrtEnv.CreateInstanceWithOptions(ref options);
        }

        environment.DisableTelemetryEvents();
        return environment;
    }
}
