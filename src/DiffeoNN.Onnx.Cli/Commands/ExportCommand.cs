using System.CommandLine;
using System.Globalization;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Export;
using DiffeoNN.Onnx.Search;
using Spectre.Console;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary><c>diffeonn export</c>: a bundle as one ONNX file, image in, answer out.</summary>
internal static class ExportCommand
{
    private static readonly string[] Exported = ["steps", "start", "passes", "average", "accept", "seed"];

    /// <summary>Creates the command.</summary>
    public static Command Create(IAnsiConsole console)
    {
        var model = new Option<string>("--model") { Description = "Bundle: a folder with diffeonn.json.", Required = true };
        var target = new Option<string>("-o", "--to") { Description = "ONNX file to write.", Required = true };
        var names = Enum.GetValues<ExportOutput>().Select(ModelExporter.NameOf).ToList();
        var outputs = new Option<string[]>("--outputs")
        {
            Description = $"Some of {string.Join(", ", names)}, separated by commas; all if left out.",
            AllowMultipleArgumentsPerToken = true,
        };
        var input = new Option<string>("--input")
        {
            Description = "tensor: a batch of images of the bundle's size, float32 (N, C, H, W), values in [0, 1]; photo: one image of any "
                + "size, uint8 (H, W, C).",
            DefaultValueFactory = _ => "tensor",
        };
        input.AcceptOnlyFromAmong("tensor", "photo");
        var opset = new Option<int?>("--opset")
        {
            Description = $"Version of the ONNX operator set; {ExportOptions.UsualOpset}, or that of the newest network, if left out.",
        };
        SettingOption[] settings = [.. SettingOption.All().Where(option => Exported.Contains(option.Setting.Name))];
        var command = new Command("export", "Write a bundle as one ONNX file that any runtime runs: image in, answer out.")
        {
            model, target, outputs, input, opset,
        };
        foreach (var setting in settings) command.Options.Add(setting);
        command.SetAction((parse, cancellationToken) =>
        {
            string[] asked = [.. (parse.GetValue(outputs) ?? [])
                .SelectMany(text => text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)).Distinct()];
            if (asked.FirstOrDefault(name => !names.Contains(name)) is { } unknown)
                throw new UsageException($"--outputs names '{unknown}'; expected some of {string.Join(", ", names)}.");
            var search = settings.Aggregate(new SearchSpec(), (spec, option) => option.Apply(parse, spec));
            var options = new ExportOptions
            {
                Search = search,
                Input = parse.GetValue(input) == "photo" ? ExportInput.Photo : ExportInput.Tensor,
                Opset = parse.GetValue(opset),
            };
            if (asked.Length > 0)
                options = options with { Outputs = [.. asked.Select(name => Enum.GetValues<ExportOutput>()[names.IndexOf(name)])] };
            var bundle = Bundle.Load(parse.GetValue(model)!);
            var exported = ModelExporter.Export(bundle, options);
            cancellationToken.ThrowIfCancellationRequested();
            exported.Model.Save(parse.GetValue(target)!);
            foreach (var warning in exported.Warnings) console.MarkupLineInterpolated($"[yellow]Note:[/] {warning}");
            Print(console, parse.GetValue(target)!, bundle, exported);
            return Task.FromResult((int)ExitCode.Success);
        });
        return command;
    }

    private static void Print(IAnsiConsole console, string path, Bundle bundle, ExportedModel exported)
    {
        var graph = exported.Model.Graph;
        console.MarkupLineInterpolated(
            $"{path} written: bundle {bundle.Name}, opset {exported.Model.Opset}, {graph.Nodes.Count} nodes{Size(path)}.");
        foreach (var value in graph.Inputs) console.WriteLine($"  input  {value}");
        foreach (var value in graph.Outputs) console.WriteLine($"  output {value}");
    }

    private static string Size(string path) => new FileInfo(path) is { Exists: true, Length: var bytes and > 0 }
        ? string.Create(CultureInfo.InvariantCulture, $", {bytes / 1e6:F1} MB") : "";
}
