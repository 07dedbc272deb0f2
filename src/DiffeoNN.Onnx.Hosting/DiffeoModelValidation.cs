using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Execution;
using Microsoft.Extensions.Options;

namespace DiffeoNN.Onnx.Hosting;

/// <summary>Checks a model's options before the host starts: all that is wrong at once, and what to do.</summary>
/// <param name="name">The model's name; options of other models are left to theirs.</param>
internal sealed class DiffeoModelValidation(string name) : IValidateOptions<DiffeoModelOptions>
{
    /// <inheritdoc/>
    public ValidateOptionsResult Validate(string? optionsName, DiffeoModelOptions options)
    {
        if (optionsName != name) return ValidateOptionsResult.Skip;
        string[] problems = [.. Problems(options).Select(problem => $"Model '{name}': {problem}")];
        return problems.Length == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }

    private static IEnumerable<string> Problems(DiffeoModelOptions options)
    {
        foreach (var unread in options.Unread) yield return unread;
        if (BundleProblem(options.Bundle) is { } bundle) yield return bundle;
        if (options.Steps < 0) yield return $"Steps is {options.Steps}; give 0 or more, or leave it out for what the bundle says.";
        if (options.Threads < 0) yield return $"Threads is {options.Threads}; give 0 for all cores, or how many.";
        if (options.QueueCapacity < 1) yield return $"QueueCapacity is {options.QueueCapacity}; give 1 or more.";
        if (options.TimeBudget <= TimeSpan.Zero) yield return $"TimeBudget is {options.TimeBudget}; give more than 0, or leave it out.";
        if (!Enum.IsDefined(options.Engine)) yield return Unknown(nameof(options.Engine), options.Engine);
        else if (!Engine.IsRegistered(options.Engine))
            yield return $"Engine is {options.Engine}, which this program has not made known; take the package "
                + $"DiffeoNN.Onnx.{options.Engine} and call its {options.Engine}Engine.Register() first, "
                + $"or leave it out for {nameof(EngineKind.OnnxRuntime)}.";
        if (!Enum.IsDefined(options.Device)) yield return Unknown(nameof(options.Device), options.Device);
        else if (options.DeviceIndex < 0) yield return $"DeviceIndex is {options.DeviceIndex}; GPUs are numbered from 0.";
        else if (Enum.IsDefined(options.Engine) && DeviceProblem(options) is { } device) yield return device;
        if (options.Configure is not null && ConfigureProblem(options) is { } configure) yield return configure;
    }

    private static string Unknown<T>(string property, T value) where T : struct, Enum =>
        $"{property} is {value}, which is none; give one of {string.Join(", ", Enum.GetNames<T>())}.";

    private static string? ConfigureProblem(DiffeoModelOptions options)
    {
        try
        {
            return options.ToModelOptions() is null
                ? "Configure returned null; return the options that it received, changed by 'with'." : null;
        }
        catch (Exception error)
        {
            return $"Configure failed: {error.GetType().Name}: {error.Message}";
        }
    }

    private static string? BundleProblem(string folder)
    {
        if (string.IsNullOrWhiteSpace(folder)) return $"Bundle is not set; give the folder that holds {BundleManifest.FileName}.";
        var whole = Path.GetFullPath(folder);
        if (!Directory.Exists(whole))
            return $"Bundle '{folder}' does not exist{Where("for")}; give the folder that holds {BundleManifest.FileName}.";
        return File.Exists(Path.Combine(whole, BundleManifest.FileName))
            ? null
            : $"Bundle '{folder}' holds no {BundleManifest.FileName}{Where("in")}; give the folder that does.";

        // A whole path says it already.
        string Where(string preposition) => whole == folder ? "" : $" (looked {preposition} '{whole}')";
    }

    private static string? DeviceProblem(DiffeoModelOptions options)
    {
        try
        {
            DeviceSelection.Choose(new ExecutionOptions
            {
                Device = options.Device, DeviceIndex = options.DeviceIndex, Engine = options.Engine,
            });
            return null;
        }
        catch (Exception error) when (error is DeviceUnavailableException or NativeLibraryException)
        {
            return error.Message;
        }
    }
}
