using System.CommandLine;
using System.Globalization;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Cli.Web;
using DiffeoNN.Onnx.Export;
using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Search;
using Spectre.Console;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary><c>diffeonn export</c>: a bundle as one ONNX file, image in, answer out.</summary>
internal sealed class ExportCommand
{
    private static readonly string[] Exported = ["steps", "start", "passes", "average", "accept", "seed"];
    private static readonly List<string> Names = [.. Enum.GetValues<ExportOutput>().Select(ModelExporter.NameOf)];

    private readonly Option<string> _model = new("--model") { Description = "Bundle: a folder with diffeonn.json.", Required = true };
    private readonly Option<string?> _file = new("-o", "--to") { Description = "ONNX file to write." };
    private readonly Option<string?> _triton = new("--triton")
    {
        Description = "Folder of a model repository (Triton, and 'serve') to write the file into, with its configuration.",
    };
    private readonly Option<int> _batch = new("--batch")
    {
        Description = "With --triton: how many images a batch has at most.",
        DefaultValueFactory = _ => TritonRepository.UsualBatch,
    };
    private readonly Option<string?> _web = new("--web")
    {
        Description = "Folder to write a page into that runs the bundle in the browser; any web server serves it.",
    };
    private readonly Option<string?> _runtime = new("--runtime")
    {
        Description = "With --web: folder of npm's package onnxruntime-web; node_modules here or above if left out.",
    };
    private readonly Option<string[]> _outputs = new("--outputs")
    {
        Description = $"Some of {string.Join(", ", Names)}, separated by commas; all but naive if left out.",
        AllowMultipleArgumentsPerToken = true,
    };
    private readonly Option<string> _input = new("--input")
    {
        Description = "tensor: a batch of images of the bundle's size, float32 (N, C, H, W), values in [0, 1]; photo: one image of any "
            + "size, uint8 (H, W, C).",
        DefaultValueFactory = _ => "tensor",
    };
    private readonly Option<int?> _opset = new("--opset")
    {
        Description = $"Version of the ONNX operator set; {ExportOptions.UsualOpset}, or that of the newest network, if left out.",
    };
    private readonly SettingOption[] _settings = [.. SettingOption.All().Where(option => Exported.Contains(option.Setting.Name))];

    private ExportCommand()
    {
        _input.AcceptOnlyFromAmong("tensor", "photo");
        _batch.Validators.Add(result => OptionChecks.AtLeast(result, _batch, 1));
        _opset.Validators.Add(result =>
        {
            if (result.GetValue(_opset) is < ExportOptions.OldestOpset or > ExportOptions.NewestOpset)
                result.AddError($"--opset must be from {ExportOptions.OldestOpset} to {ExportOptions.NewestOpset}.");
        });
    }

    /// <summary>Creates the command.</summary>
    public static Command Create(IAnsiConsole console)
    {
        var options = new ExportCommand();
        var command = new Command("export", "Write a bundle as one ONNX file that any runtime runs: image in, answer out.")
        {
            options._model, options._file, options._triton, options._batch, options._web, options._runtime,
            options._outputs, options._input, options._opset,
        };
        foreach (var setting in options._settings) command.Options.Add(setting);
        command.SetAction((parse, cancellationToken) =>
        {
            options.Run(console, parse, cancellationToken);
            return Task.FromResult((int)ExitCode.Success);
        });
        return command;
    }

    private void Run(IAnsiConsole console, ParseResult parse, CancellationToken cancellationToken)
    {
        var (file, triton, web) = (parse.GetValue(_file), parse.GetValue(_triton), parse.GetValue(_web));
        if ((file ?? triton ?? web) is null)
            throw new UsageException("Nothing was said of where to write; expected -o FILE, --triton FOLDER or --web FOLDER.");
        if (new[] { file, triton, web }.Contains(""))
            throw new UsageException("-o, --triton or --web names nothing; expected a file or a folder.");
        if (triton is null && parse.GetResult(_batch) is { Implicit: false })
            throw new UsageException("--batch is of a model repository; give --triton FOLDER with it. Files take batches of any size.");
        if (web is null && parse.GetValue(_runtime) is not null)
            throw new UsageException("--runtime is of a page; give --web FOLDER with it.");
        var options = Options(parse);
        if (web is not null && (parse.GetResult(_outputs) is { Implicit: false } || options.Input == ExportInput.Photo))
            throw new UsageException("--outputs and --input are of files; a page (--web) takes what it needs. Write the two apart.");
        var runtime = web is null ? null : WebRuntime.Find(parse.GetValue(_runtime));
        var bundle = Bundle.Load(parse.GetValue(_model)!);
        if (file is not null) RefuseFilesOf(bundle, file);
        if (file is not null || triton is not null)
        {
            var exported = ModelExporter.Export(bundle, options);
            cancellationToken.ThrowIfCancellationRequested();
            if (file is not null) exported.Model.Save(file);
            var repository = triton is null ? null : TritonRepository.Write(triton, bundle.Name, exported.Model, parse.GetValue(_batch));
            Print(console, bundle, exported, file, repository);
        }

        if (runtime is not null)
        {
            var exported = WebPage.Write(web!, bundle, options, runtime);
            Print(console, bundle, exported, web);
        }
    }

    private static void RefuseFilesOf(Bundle bundle, string file)
    {
        List<string> own = [BundleManifest.FileName, .. bundle.Manifest.Models.Present().Select(part => part.Value.File)];
        if (bundle.Manifest.Models.Energy?.Gradient is { } gradient) own.Add(gradient.File);
        if (File.Exists(file) && own.Exists(name => RealPath.IsSame(Path.Combine(bundle.Folder, name), file)))
            throw new UsageException($"'{file}' is a file of the bundle itself; write the export elsewhere.");
    }

    private ExportOptions Options(ParseResult parse)
    {
        string[] asked = [.. (parse.GetValue(_outputs) ?? [])
            .SelectMany(text => text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)).Distinct()];
        if (asked.FirstOrDefault(name => !Names.Contains(name)) is { } unknown)
            throw new UsageException($"--outputs names '{unknown}'; expected some of {string.Join(", ", Names)}.");
        var options = new ExportOptions
        {
            Search = _settings.Aggregate(new SearchSpec(), (spec, option) => option.Apply(parse, spec)),
            Input = parse.GetValue(_input) == "photo" ? ExportInput.Photo : ExportInput.Tensor,
            Opset = parse.GetValue(_opset),
        };
        if (asked.Length == 0 && parse.GetResult(_outputs) is { Implicit: false })
            throw new UsageException($"--outputs names none; expected some of {string.Join(", ", Names)}.");
        return asked.Length == 0 ? options
            : options with { Outputs = [.. asked.Select(name => Enum.GetValues<ExportOutput>()[Names.IndexOf(name)])] };
    }

    private static void Print(IAnsiConsole console, Bundle bundle, ExportedModel exported, params string?[] written)
    {
        var graph = exported.Model.Graph;
        foreach (var warning in exported.Warnings) console.MarkupLineInterpolated($"[yellow]Note:[/] {warning}");
        foreach (var path in written.OfType<string>())
        {
            console.MarkupLineInterpolated(
                $"{path} written: bundle {bundle.Name}, opset {exported.Model.Opset}, {graph.Nodes.Count} nodes{Size(path)}.");
        }

        foreach (var value in graph.Inputs) console.WriteLine($"  input  {value}");
        foreach (var value in graph.Outputs) console.WriteLine($"  output {value}");
    }

    private static string Size(string path) => new FileInfo(path) is { Exists: true, Length: var bytes and > 0 }
        ? string.Create(CultureInfo.InvariantCulture, $", {bytes / 1e6:F1} MB") : "";
}
