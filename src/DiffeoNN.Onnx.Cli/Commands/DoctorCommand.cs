using System.CommandLine;
using System.Text.Json;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Diagnostics;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Imaging;
using Spectre.Console;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary><c>diffeonn doctor</c>: whether this machine, and a model, can do what they should, and what to do where not.</summary>
internal static class DoctorCommand
{
    private static readonly JsonSerializerOptions JsonOptions = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Converters = { new System.Text.Json.Serialization.JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    /// <summary>Creates the command.</summary>
    public static Command Create(IAnsiConsole console)
    {
        var model = new Argument<string?>("model")
        {
            Description = "An ONNX file or a bundle's folder to look at as well; may be left out.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var device = new DeviceOption(
            description: "Where models are to run: auto, cpu, cuda or cuda:N. With cuda, what is missing for it is a problem.");
        var threads = new Option<int>("--threads") { Description = "Cores to use; 0 for all.", DefaultValueFactory = _ => 0 };
        var seconds = new Option<double>("--seconds")
        {
            Description = "How long the self-test of both engines runs; 0 leaves it out.",
            DefaultValueFactory = _ => 10,
        };
        var data = new Option<string?>("--data")
        {
            Description = "Undeformed images of the kind a bundle was trained on (16 are taken): "
                + "try whether its networks mean what the manifest says.",
        };
        var json = new Option<string?>("--json") { Description = "File to write the findings to." };
        threads.Validators.Add(result => OptionChecks.AtLeast(result, threads, 0));
        seconds.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<double>() is not (>= 0 and <= 3600)) result.AddError("--seconds must be a number from 0 to 3600.");
        });
        var command = new Command("doctor", "Look for what keeps networks from running here: versions, native libraries, CUDA, a self-test "
            + "of both engines; and at a model.")
        {
            model, data, device, threads, seconds, json,
        };
        command.SetAction((parse, cancellationToken) =>
        {
            var path = parse.GetValue(model);
            if (path is not null && !File.Exists(path) && !Directory.Exists(path))
                throw new BundleException($"'{path}' does not exist; expected an ONNX file or a bundle's folder.");
            if (parse.GetValue(data) is not null && !Directory.Exists(path))
            {
                throw new UsageException(
                    "--data tries a bundle on images; give the bundle's folder, too: diffeonn doctor BUNDLE --data IMAGES.");
            }

            if (Path.GetDirectoryName(Path.GetFullPath(parse.GetValue(json) ?? "findings.json")) is { } folder)
                AtomicFile.CreateFolder(folder);
            var options = device.Apply(parse, new ExecutionOptions { Threads = parse.GetValue(threads) });
            var machine = MachineDiagnosis.Run(options).ToList();
            Print(console, "Machine", machine);
            if (parse.GetValue(seconds) > 0)
            {
                var test = SelfTest.Run(options, TimeSpan.FromSeconds(parse.GetValue(seconds)), cancellationToken);
                Print(console, "Self-test", test);
                machine.AddRange(test);
            }

            var ofModel = path is null ? [] : ModelDiagnosis.Run(path, options with { Device = ExecutionDevice.Cpu });
            if (path is not null) Print(console, Path.GetFileName(Path.GetFullPath(path)), ofModel);
            if (parse.GetValue(data) is { } images && !Has(ofModel))
            {
                var usable = WiringImages.Read(images, Bundle.Load(path!), out var bad);
                IReadOnlyList<Finding> tried =
                [
                    .. bad.Select(text => new Finding(FindingLevel.Warning, "images", $"left out: {text}", "mend or remove the file")),
                    .. WiringDiagnosis.Run(path!, usable, options, cancellationToken),
                ];
                Print(console, $"Tried on {images}", tried);
                ofModel = [.. ofModel, .. tried];
            }

            Finding[] all = [.. machine, .. ofModel];
            if (parse.GetValue(json) is { } file)
            {
                AtomicFile.WriteText(file, JsonSerializer.Serialize(
                    new { schema = 1, problems = Count(FindingLevel.Problem), warnings = Count(FindingLevel.Warning), findings = all },
                    JsonOptions));
            }

            console.WriteLine(
                $"{InputFiles.Count(Count(FindingLevel.Problem), "problem")}, {InputFiles.Count(Count(FindingLevel.Warning), "warning")}.");
            return Task.FromResult((int)(Has(machine) ? ExitCode.Device : Has(ofModel) ? ExitCode.Model : ExitCode.Success));

            int Count(FindingLevel level) => all.Count(finding => finding.Level == level);
        });
        return command;
    }

    private static bool Has(IEnumerable<Finding> findings) => findings.Any(finding => finding.Level == FindingLevel.Problem);

    private static void Print(IAnsiConsole console, string title, IEnumerable<Finding> findings)
    {
        console.MarkupLineInterpolated($"[bold]{title}[/]");
        foreach (var finding in findings)
        {
            var (colour, mark) = finding.Level switch
            {
                FindingLevel.Good => ("green", "good   "),
                FindingLevel.Note => ("grey", "note   "),
                FindingLevel.Warning => ("yellow", "warning"),
                _ => ("red", "problem"),
            };
            // Lines, not a table: they stay readable in a log and when they are searched.
            console.Write(new Markup($"[{colour}]{mark}[/] {Markup.Escape(finding.Subject)}: {Markup.Escape(finding.Text)}\n"));
            if (finding.Advice.Length > 0) console.Write(new Markup($"        to do: {Markup.Escape(finding.Advice)}\n"));
        }

        console.WriteLine();
    }
}
