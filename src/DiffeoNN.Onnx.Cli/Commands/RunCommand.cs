using System.CommandLine;
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
        var input = new Option<string>("--input") { Description = "Image file (PNG, JPEG, BMP, WebP or GIF), or folder of such files.", Required = true };
        var output = new Option<string>("--output") { Description = "Folder for answers, panels and results.jsonl.", Required = true };
        var naive = new Option<bool>("--naive") { Description = "Also write the answer of the network alone." };
        var noFields = new Option<bool>("--no-fields") { Description = "Do not write NAME.fields.npz." };
        var common = new CommonOptions();
        var command = new Command("run", "Run a bundle on images.") { model, input, output, naive, noFields };
        common.AddTo(command);
        command.SetAction((parse, cancellationToken) =>
        {
            var files = InputFiles.List(parse.GetValue(input)!);
            if (Path.GetFullPath(parse.GetValue(output)!) == Path.GetDirectoryName(Path.GetFullPath(files[0])))
                throw new UsageException($"Output '{parse.GetValue(output)}' is the folder of the input, where results would be taken for images next time; give another one.");
            // All images are read once before anything is written: a bad one is told now, not after an hour.
            foreach (string file in files) Check(file);
            var options = common.Read(parse);
            using var loaded = EquivariantModel.Load(parse.GetValue(model)!, options);
            DeviceLine.Print(console, loaded, options.Execution.Device);
            using var results = new ResultFolder(parse.GetValue(output)!, loaded, writesFields: !parse.GetValue(noFields));
            var summary = new RunSummary();
            BatchProgress.Run(console, "canonicalising", files.Count, progress =>
            {
                foreach (string[] chunk in files.Chunk(common.Batch(parse)))
                {
                    ImageBuffer[] images = [.. chunk.Select(file => ImageFile.Read(file))];
                    using var batch = loaded.Run(images, progress, cancellationToken);
                    var alone = parse.GetValue(naive) ? loaded.RunNaive(images, cancellationToken) : null;
                    for (int i = 0; i < chunk.Length; i++) results.Write(chunk[i], images[i], batch, i, alone?[i]);
                    summary.Add(batch);
                    progress.Complete(chunk.Length);
                }
            });
            return Task.FromResult((int)summary.Print(console, parse.GetValue(output)!));
        });
        return command;
    }

    private static void Check(string file)
    {
        var image = ImageFile.Read(file);
        if (image.Height < 2 || image.Width < 2)
            throw new ImageException($"'{file}' is {image.Width}x{image.Height} pixels; an image needs at least 2x2.");
    }
}
