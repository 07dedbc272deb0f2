using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Inference;
using Spectre.Console;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>Says where a model runs.</summary>
internal static class DeviceLine
{
    /// <summary>Prints device and cores; what is missing for CUDA is told to those who ask for it.</summary>
    public static void Print(IAnsiConsole console, EquivariantModel model, ExecutionDevice asked)
    {
        string device = model.Device.Device switch
        {
            ExecutionDevice.Cuda => model.Device.Reason.TrimEnd('.'),
            _ when asked == ExecutionDevice.Auto => $"CPU, {model.Cores} cores ({model.Device.Reason.TrimEnd('.')})",
            _ => $"CPU, {model.Cores} cores",
        };
        string engine = model.Engine == EngineKind.Torch ? ", networks in libtorch" : "";
        console.MarkupLineInterpolated($"[grey]Bundle '{model.Bundle.Name}' on {device}{engine}.[/]");
        if (model.Preset == SearchPreset.Published)
            console.MarkupLine("[grey]Settings as published (arXiv 2602.06695): a sine network at every pixel, which is slow; the bundle's own are left out.[/]");
    }
}
