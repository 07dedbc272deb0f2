using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Export;
using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Validation;
using DiffeoNN.Onnx.Validation.Reports;
using DiffeoNN.Onnx.Validation.Sources;
using Spectre.Console;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary><c>diffeonn validate</c>: whether PyTorch, ONNX Runtime and libtorch agree on a bundle or model, and if not,
/// which node is to blame.</summary>
internal sealed class ValidateCommand
{
    private const string BlameFolder = "validation-blame";

    private readonly Argument<string> _path = new("path")
        { Description = "A bundle's folder, an ONNX file, or a folder with model.onnx and its reference tensors." };
    private readonly Option<string?> _reference = new("--reference")
    {
        Description = "Folder with PyTorch's tensors: test_data_set_0 for a model, ROLE/test_data_set_0 for a bundle. Those of the bundle, "
            + "or those beside the model, if left out.",
    };

    private readonly Option<string[]> _engines = new("--engines")
    {
        Description = $"Sources to compare: some of {string.Join(", ", ValidationSources.All)}, separated by commas; all if left out.",
        AllowMultipleArgumentsPerToken = true,
    };

    private readonly Option<string?> _data = new("--data")
        { Description = "Image or folder of images for the whole job; the bundle's reference images if left out." };
    private readonly Option<string?> _model = new("--model")
    {
        Description = "Bundle that the file was exported of ('diffeonn export'): compares the two on the images of --data.",
    };
    private readonly Option<string[]> _shapes = new("--shape")
    {
        Description =
            "NAME=1,3,224,224: shape of an input that is drawn. Free sizes are otherwise 2 in the first dimension, 32 in the others.",
    };

    private readonly Option<bool> _noGradients = new("--no-gradients") { Description = "Compare outputs only." };
    private readonly Option<bool> _noJob = new("--no-job") { Description = "Do not run a bundle's whole job with both engines." };
    private readonly Option<bool> _noBlame = new("--no-blame") { Description = "Do not look for the nodes to blame." };
    private readonly Option<double?> _tolerance = new("--tolerance")
        { Description = "Largest error of float outputs, relative to their magnitude; 1e-4 for float32 if left out." };
    private readonly Option<int> _seed = new("--seed")
    {
        Description = "Seed of inputs, upstream gradients and directions that are drawn, and of the search.",
        DefaultValueFactory = _ => 1,
    };
    private readonly DeviceOption _device = new("cpu");
    private readonly Option<int> _threads = new("--threads") { Description = "Cores to use; 0 for all.", DefaultValueFactory = _ => 0 };
    private readonly Option<string?> _json = new("--json") { Description = "Write the report as JSON." };
    private readonly Option<string?> _junit = new("--junit") { Description = "Write the report for build servers (JUnit XML)." };
    private readonly Option<string?> _report = new("--report") { Description = "Write the report as one page (HTML) with histograms." };
    private readonly Option<string?> _blame = new("--blame")
    {
        Description = $"Folder for the smallest failing graphs; {BlameFolder} beside the report, or here, if left out. Made only where "
            + "something disagrees.",
    };

    private ValidateCommand()
    {
        _seed.Validators.Add(result => OptionChecks.AtLeast(result, _seed, 0));
        _threads.Validators.Add(result => OptionChecks.AtLeast(result, _threads, 0));
    }

    /// <summary>Creates the command.</summary>
    public static Command Create(IAnsiConsole console)
    {
        var options = new ValidateCommand();
        var command = new Command("validate", "Compare what PyTorch, ONNX Runtime and libtorch make of a bundle or model: outputs, "
            + "gradients, answers; name the node to blame.") { options._path };
        foreach (var option in options.All) command.Options.Add(option);
        command.SetAction((parse, cancellationToken) => Task.FromResult((int)options.Run(console, parse, cancellationToken)));
        return command;
    }

    private Option[] All => [_reference, _engines, _data, _model, _shapes, _noGradients, _noJob, _noBlame, _tolerance, _seed, _device,
        _threads, _json, _junit, _report, _blame];

    private ExitCode Run(IAnsiConsole console, ParseResult parse, CancellationToken cancellationToken)
    {
        var options = Read(parse);
        var targets = new[] { _json, _junit, _report }.Select(parse.GetValue).OfType<string>().ToList();
        if (targets.GroupBy(Path.GetFullPath).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new UsageException($"Two reports would be written to '{twice.First()}'.");
        if (parse.GetValue(_model) is { } bundle)
            return RunExport(console, parse, bundle, options, targets.Count > 0, cancellationToken);
        if (BundleOf(parse.GetValue(_path)!) is { } exported)
        {
            throw new UsageException(
                $"'{parse.GetValue(_path)}' is an export of bundle '{exported}'; expected --model BUNDLE to compare the two. Engines by "
                + "themselves are compared on bundles and on networks.");
        }

        // A folder that cannot be made is told now, not after a minute.
        foreach (var target in targets)
            if (Path.GetDirectoryName(Path.GetFullPath(target)) is { } folder) AtomicFile.CreateFolder(folder);
        ValidationReport? report = null;
        console.Status().Start("validating", status =>
            report = Validator.Run(parse.GetValue(_path)!, options, new Reporter(status), cancellationToken));
        if (parse.GetValue(_json) is { } json) JsonReport.Save(report!, json);
        if (parse.GetValue(_junit) is { } junit) JUnitReport.Save(report!, junit);
        if (parse.GetValue(_report) is { } html) HtmlReport.Save(report!, html);
        ValidationTable.Print(console, report!);
        foreach (var target in targets) console.MarkupLineInterpolated($"[grey]{target} written[/]");
        return report!.Passed ? ExitCode.Success : ExitCode.Disagreement;
    }

    private static string? BundleOf(string path)
    {
        try
        {
            return File.Exists(path) ? ExportedModel.BundleOf(OnnxModel.Load(path)) : null;
        }
        catch (OnnxModelException)
        {
            // That is told later.
            return null;
        }
    }

    private ExitCode RunExport(
        IAnsiConsole console, ParseResult parse, string folder, ValidationOptions options, bool hasTargets,
        CancellationToken cancellationToken)
    {
        if (hasTargets) throw new UsageException("--json, --junit and --report are of bundles and models, not of exports (--model).");
        ExportReport? report = null;
        var clock = Stopwatch.StartNew();
        console.Status().Start("validating", status => report = ExportValidation.Run(
            parse.GetValue(_path)!, Bundle.Load(folder), options.Images, options.Execution, new Reporter(status), cancellationToken));
        ExportTable.Print(console, Path.GetFileName(parse.GetValue(_path)!), report!, clock.Elapsed);
        return report!.Passed ? ExitCode.Success : ExitCode.Disagreement;
    }

    private ValidationOptions Read(ParseResult parse)
    {
        string[] engines = [.. (parse.GetValue(_engines) ?? [])
            .SelectMany(text => text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)).Distinct()];
        if (engines.FirstOrDefault(name => !ValidationSources.All.Contains(name)) is { } unknown)
            throw new UsageException($"--engines names '{unknown}'; expected some of {string.Join(", ", ValidationSources.All)}.");
        if (engines is [ValidationSources.PyTorch] or [ValidationSources.Torch])
            throw new UsageException($"--engines names {engines[0]} alone, which would be compared with nothing; add one of "
                + $"{string.Join(", ", ValidationSources.All.Where(name => name != engines[0]))}.");
        if (parse.GetValue(_tolerance) is { } tolerance && !(tolerance > 0 && double.IsFinite(tolerance)))
            throw new UsageException($"--tolerance is {tolerance.ToString(CultureInfo.InvariantCulture)}; expected a number above 0.");
        if (parse.GetValue(_reference) is { } reference && !Directory.Exists(reference))
            throw new TensorDataException($"Reference folder '{reference}' does not exist.");
        var beside = parse.GetValue(_report) is { } report ? Path.GetDirectoryName(Path.GetFullPath(report))! : "";
        return new ValidationOptions
        {
            Sources = engines.Length > 0 ? [.. ValidationSources.All.Where(engines.Contains)] : ValidationSources.All,
            Reference = parse.GetValue(_reference),
            Execution = _device.Apply(parse, new ExecutionOptions { Threads = parse.GetValue(_threads) }),
            Seed = parse.GetValue(_seed),
            Gradients = !parse.GetValue(_noGradients),
            Job = !parse.GetValue(_noJob),
            Images = parse.GetValue(_data) is { } data ? [.. InputFiles.List(data).Select(file => ImageFile.Read(file))] : null,
            Shapes = ShapeOption.Parse(parse.GetValue(_shapes) ?? []),
            OutputTolerance = parse.GetValue(_tolerance),
            Blame = !parse.GetValue(_noBlame),
            BlameFolder = parse.GetValue(_blame) ?? Path.Combine(beside, BlameFolder),
        };
    }

    private sealed class Reporter(StatusContext status) : IProgress<string>
    {
        public void Report(string value) => status.Status($"validating {value}".EscapeMarkup());
    }
}
