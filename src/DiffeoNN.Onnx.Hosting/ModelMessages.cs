using Microsoft.Extensions.Logging;

namespace DiffeoNN.Onnx.Hosting;

/// <summary>The log entries, by their event ids; README.md beside this file lists them.</summary>
internal static partial class ModelMessages
{
    /// <summary>A model was loaded.</summary>
    [LoggerMessage(1, LogLevel.Information,
        "Model {Model}: bundle {Bundle} of {Folder} loaded in {Seconds:0.000} s; {Device} {Cores} cores.")]
    public static partial void Loaded(ILogger logger, string model, string bundle, string folder, string device, int cores, double seconds);

    /// <summary>A model did not load.</summary>
    [LoggerMessage(2, LogLevel.Critical, "Model {Model}: bundle {Folder} does not load.")]
    public static partial void LoadFailed(ILogger logger, Exception error, string model, string folder);

    /// <summary>A model ran once before the host counted as started.</summary>
    [LoggerMessage(3, LogLevel.Information, "Model {Model}: warm after {Seconds:0.000} s.")]
    public static partial void WarmedUp(ILogger logger, string model, double seconds);

    /// <summary>A run ended well.</summary>
    [LoggerMessage(4, LogLevel.Information,
        "Model {Model}: {Images} images ({Kind}) in {Seconds:0.000} s; at most {Steps} steps, {Refused} maps not used.")]
    public static partial void Ran(ILogger logger, string model, string kind, int images, int steps, int refused, double seconds);

    /// <summary>A run was cancelled.</summary>
    [LoggerMessage(5, LogLevel.Information, "Model {Model}: a run of {Images} images was cancelled after {Seconds:0.000} s.")]
    public static partial void Cancelled(ILogger logger, string model, int images, double seconds);

    /// <summary>A run failed.</summary>
    [LoggerMessage(6, LogLevel.Error, "Model {Model}: a run of {Images} images failed after {Seconds:0.000} s: {ErrorType}: {Error}")]
    public static partial void Failed(ILogger logger, string model, int images, double seconds, string errorType, string error);

    /// <summary>What should be known of a model that was loaded.</summary>
    [LoggerMessage(7, LogLevel.Warning, "Model {Model}: {Warning}")]
    public static partial void Warned(ILogger logger, string model, string warning);
}
