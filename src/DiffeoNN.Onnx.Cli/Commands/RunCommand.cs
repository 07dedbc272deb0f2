using System.CommandLine;
using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using Spectre.Console;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary><c>diffeonn run</c>: canonicalises images, runs the bundle's network and maps its answers back.</summary>
internal static class RunCommand
{
    /// <summary>Creates the command.</summary>
    public static Command Create(IAnsiConsole console)
    {
        var model = new Option<string>("--model") { Description = "Bundle: a folder with diffeonn.json.", Required = true };
        var input = new Option<string>("--input")
        {
            Description = $"Image file ({string.Join(", ", ImageFile.Extensions)}), or folder of such files.",
            Required = true,
        };
        var output = new Option<string>("--output") { Description = "Folder for answers, panels and results.jsonl.", Required = true };
        var naive = new Option<bool>("--naive") { Description = "Also write the answer of the network alone." };
        var noFields = new Option<bool>("--no-fields") { Description = "Do not write NAME.fields.npz." };
        var values = new Option<bool>("--values")
        {
            Description = "Also write NAME.values.npz: probabilities, scores, planes or points as the network gives them.",
        };
        var skipBad = new Option<bool>("--skip-bad") { Description = "Leave out files that cannot be used, and list them." };
        var autoOrient = OrientationNote.Option();
        var common = new CommonOptions();
        var command = new Command("run", "Run a bundle on images.") { model, input, output, naive, noFields, values, skipBad, autoOrient };
        common.AddTo(command);
        command.SetAction((parse, cancellationToken) =>
        {
            var found = InputFiles.Find(parse.GetValue(input)!);
            if (RealPath.IsSame(parse.GetValue(output)!, Path.GetDirectoryName(Path.GetFullPath(found.Files[0]))!))
                throw new UsageException($"Output '{parse.GetValue(output)}' is the folder of the input, where results would be taken for "
                    + "images next time; give another one.");
            var options = common.Read(parse);
            using var loaded = EquivariantModel.Load(parse.GetValue(model)!, options);
            bool orients = parse.GetValue(autoOrient), alone = parse.GetValue(naive);
            // All images are read once before anything is written: bad ones are told now, not after an hour.
            if (found.LeftOut() is { Length: > 0 } leftOut) console.MarkupLineInterpolated($"[yellow]Note:[/] {leftOut}");
            var summary = new RunSummary(loaded);
            var check = InputCheck.Of(found.Files, loaded, cancellationToken);
            check.Print(console, parse.GetValue(skipBad));
            check.PrintNotes(console, orients);
            DeviceLine.Print(console, loaded, options.Execution.Device);
            using var results = new ResultFolder(parse.GetValue(output)!, loaded)
            {
                WritesFields = !parse.GetValue(noFields), WritesValues = parse.GetValue(values), Orients = orients,
            };
            BatchProgress.Run(console, "canonicalising", check.Usable.Count, progress =>
            {
                foreach (var chunk in check.Usable.Select(one => one.File).Chunk(common.Batch(parse)))
                {
                    ScaledImage[] images = [.. chunk.Select(file => loaded.Read(file, orients))];
                    using var batch = loaded.Canonicalise(images, progress, cancellationToken);
                    var naives = alone ? loaded.RunNaive(images, cancellationToken) : null;
                    for (var i = 0; i < chunk.Length; i++)
                    {
                        cancellationToken.ThrowIfCancellationRequested();
                        using var answer = naives?[i];
                        var (image, told) = results.Write(chunk[i], images[i], batch, i, answer);
                        summary.Add(image, told);
                    }

                    summary.Add(batch);
                    progress.Complete(chunk.Length);
                }
            });
            return Task.FromResult((int)summary.Print(console, parse.GetValue(output)!));
        });
        return command;
    }
}
