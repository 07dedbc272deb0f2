using Microsoft.ML.OnnxRuntime;

namespace DiffeoNN.Onnx.Execution;

/// <summary>ONNX Runtime's environment, of which a process has one: quiet but for errors, and without telemetry.</summary>
internal static class OrtEnvironment
{
    private static readonly Lazy<OrtEnv> s_instance = new(Create);

    /// <summary>Created on first use; an environment that the program made before is taken as it is.</summary>
    public static OrtEnv Instance => s_instance.Value;

    private static OrtEnv Create()
    {
        OrtEnv environment;
        if (OrtEnv.IsCreated)
        {
            environment = OrtEnv.Instance();
        }
        else
        {
            var options = new EnvironmentCreationOptions { logId = "DiffeoNN", logLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
            environment = OrtEnv.CreateInstanceWithOptions(ref options);
        }

        environment.DisableTelemetryEvents();
        return environment;
    }
}
