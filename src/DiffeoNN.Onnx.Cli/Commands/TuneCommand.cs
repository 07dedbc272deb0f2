using System.CommandLine;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Evaluation;
using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Tuning;
using Spectre.Console;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary><c>diffeonn tune</c>: chooses a bundle's settings on validation images and writes them into its manifest.</summary>
internal static class TuneCommand
{
    /// <summary>Creates the command.</summary>
    public static Command Create(IAnsiConsole console)
    {
        var split = new Option<string>("--split")
        {
            Description = "Only images of this split; never test.",
            DefaultValueFactory = _ => "val",
        };
        var deform = new Option<string[]>("--deform")
        {
            Description = "Families of deformations to score; undeformed images always count.",
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => ["tps", "tps-strong"],
        };
        var trials = new Option<int>("--trials")
        {
            Description = "Settings to try besides the present ones.",
            DefaultValueFactory = _ => 24,
        };
        var output = new Option<string?>("--output")
            { Description = "File to write the manifest to instead of the bundle's diffeonn.json." };
        var dryRun = new Option<bool>("--dry-run") { Description = "Write nothing." };
        deform.AcceptOnlyFromAmong([.. Deformation.Names.Where(name => name != "none")]);
        trials.Validators.Add(result => OptionChecks.AtLeast(result, trials, 1));
        var (data, common) = (new DataOptions(), new CommonOptions());
        var command = new Command(
            "tune", "Choose energy weights, search settings and acceptance of a bundle on validation images, and write its manifest.")
        {
            split, deform, trials, output, dryRun,
        };
        data.AddTo(command);
        common.AddExecutionTo(command);
        command.SetAction((parse, cancellationToken) =>
        {
            if (Tuner.IsTestSplit(parse.GetValue(split)))
                throw new UsageException(
                    "--split is test; settings are never chosen on test images. Give val, or another split that no result is reported on.");
            if (parse.GetValue(dryRun) && parse.GetValue(output) is not null)
                throw new UsageException("--dry-run writes nothing, --output says where to; give one of them.");
            if (parse.GetValue(output) is { } file) AtomicFile.CreateFolder(Path.GetDirectoryName(Path.GetFullPath(file))!);
            var options = common.Read(parse);
            using var loaded = EquivariantModel.Load(data.Model(parse), options);
            var tuner = new Tuner(loaded, new TuningOptions
            {
                Deformations = [.. parse.GetValue(deform)!.Distinct().Select(Deformation.Create)],
                Trials = parse.GetValue(trials),
                Seed = options.Seed,
                Batch = common.Batch(parse),
                Task = data.Task(parse, loaded),
            });
            var usual = parse.GetValue(split)!;
            var chosen = parse.GetResult(split) is { Implicit: false } ? usual : data.Unnamed(parse, usual, forTruth: usual);
            var (images, check) = data.Open(console, parse, loaded, tuner.Task, chosen, options.Seed, cancellationToken);
            DeviceLine.Print(console, loaded, options.Execution.Device);
            var table = new TuningTable(console, loaded.Bundle.Manifest, parse.GetValue(deform)!.Distinct(), check.Usable.Count);
            table.PrintHeader(images.Reference);
            var result = tuner.Run(images, check, table, cancellationToken);
            table.PrintResult(result);
            if (result.Improves && !parse.GetValue(dryRun))
                console.MarkupLineInterpolated($"Written: {Write(loaded.Bundle, result, parse.GetValue(output))}");
            return Task.FromResult((int)ExitCode.Success);
        });
        return command;
    }

    /// <summary>The manifest as it is now takes the settings: a tuning takes long enough for somebody to change it.</summary>
    private static string Write(Bundle bundle, TuningResult result, string? output)
    {
        var own = Path.Combine(bundle.Folder, BundleManifest.FileName);
        var manifest = BundleManifest.Load(own);
        if (manifest.ToJson() != bundle.Manifest.ToJson())
            throw new BundleException($"'{own}' changed while it was tuned; nothing was written.");
        var path = Path.GetFullPath(output ?? own);
        result.ApplyTo(manifest).Save(path);
        return path;
    }
}
