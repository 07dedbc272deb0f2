using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Inference;
using Spectre.Console;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>Says where a model runs.</summary>
internal static class DeviceLine
{
    /// <summary>Prints device and cores; for a fallback the first reason only, since asking for CUDA lists them all.</summary>
    public static void Print(IAnsiConsole console, EquivariantModel model)
    {
        string reason = model.Device.Reason.Split(';')[0].TrimEnd('.');
        string device = model.Device.Device == ExecutionDevice.Cpu ? $"{reason}; {model.Cores} cores" : reason;
        console.MarkupLineInterpolated($"[grey]Bundle '{model.Bundle.Name}' on {device}.[/]");
    }
}
