using System.Globalization;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;
using Spectre.Console;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>Says where a model runs.</summary>
internal static class DeviceLine
{
    /// <summary>What is said of a bundle whose manifest does not say when a map helps.</summary>
    public static string Untuned { get; } = "Not tuned: the manifest has no acceptance, so a map is used only where the energy falls by "
        + string.Create(CultureInfo.InvariantCulture, $"{100 * SearchSpec.SafeDecrease:0} %. ")
        + "Run diffeonn tune first; it chooses when a map helps.";

    /// <summary>Prints device and cores; what is missing for CUDA is told to those who ask for it.</summary>
    public static void Print(IAnsiConsole console, EquivariantModel model, ExecutionDevice asked)
    {
        var cores = InputFiles.Count(model.Cores, "core");
        var device = model.Device.Device switch
        {
            ExecutionDevice.Cuda => model.Device.Reason.TrimEnd('.'),
            _ when asked == ExecutionDevice.Auto => $"{model.Device.Reason.TrimEnd('.')} ({cores}; diffeonn doctor says more)",
            _ => $"CPU, {cores}",
        };
        var engine = model.Engine == EngineKind.Torch ? ", networks in libtorch" : "";
        console.MarkupLineInterpolated($"[grey]Bundle '{model.Bundle.Name}' on {device}{engine}.[/]");
        if (model.Plan.Preset == SearchPreset.Bundle && !model.Bundle.Manifest.Search.SaysWhenAMapHelps)
            console.MarkupLineInterpolated($"[yellow]{Untuned}[/]");
        foreach (var warning in model.Warnings) console.MarkupLineInterpolated($"[yellow]Warning:[/] {warning}");
        if (model.Plan.Preset == SearchPreset.Published)
        {
            console.MarkupLine(
                "[grey]Settings as published (arXiv 2602.06695), slow: some 26 s of processor time an image of 128x128. "
                + "The bundle's are left out.[/]");
        }
    }
}
