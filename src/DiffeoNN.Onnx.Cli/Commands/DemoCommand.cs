using System.CommandLine;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Metrics;
using DiffeoNN.Onnx.Rendering;
using DiffeoNN.Onnx.Shapes;
using Spectre.Console;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary><c>diffeonn demo</c>: deformed shapes, the network alone against the canonicalised network, and a picture.</summary>
internal static class DemoCommand
{
    /// <summary>How many images the picture shows: more would be too small to see.</summary>
    private const int Shown = 4;

    /// <summary>Creates the command.</summary>
    public static Command Create(IAnsiConsole console)
    {
        var output = new Option<string>("--output")
        {
            Description = $"Picture to write, of the first {Shown} images.",
            DefaultValueFactory = _ => "diffeonn-demo.png",
        };
        var count = new Option<int>("--count") { Description = "Number of images.", DefaultValueFactory = _ => 8 };
        var deform = new Option<string>("--deform") { Description = "Family of deformations.", DefaultValueFactory = _ => "tps-strong" };
        count.Validators.Add(result => OptionChecks.AtLeast(result, count, 1));
        deform.AcceptOnlyFromAmong([.. Deformation.Names]);
        var common = new CommonOptions();
        var command = new Command("demo", "Deform synthetic shapes and compare the network alone with the canonicalised network.") { output,
            count, deform };
        common.AddTo(command);
        command.SetAction((parse, cancellationToken) =>
        {
            var options = common.Read(parse);
            using var model = EquivariantModel.Load(FindBundle(), options);
            DeviceLine.Print(console, model, options.Execution.Device);
            AtomicFile.CreateFolder(Path.GetDirectoryName(Path.GetFullPath(parse.GetValue(output)!))!);
            var seed = model.Plan.FromIdentity.Seed;
            var samples = Draw(model.Bundle.Image, Deformation.Create(parse.GetValue(deform)!), parse.GetValue(count), seed);
            var scores = new List<(double Naive, double Canonicalised)>();
            var rows = new List<PanelRow>();
            BatchProgress.Run(console, "canonicalising", samples.Count, progress =>
            {
                foreach (var chunk in samples.Chunk(common.Batch(parse)))
                {
                    ImageBuffer[] images = [.. chunk.Select(sample => sample.Image)];
                    var naive = model.RunNaive(images, cancellationToken);
                    using var batch = model.Run(images, progress, cancellationToken);
                    for (var i = 0; i < chunk.Length; i++)
                    {
                        var truth = LabelMap.FromImage(chunk[i].Mask);
                        double alone = SegmentationScore.Of(naive[i].Labels!, truth).Iou,
                            found = SegmentationScore.Of(batch.Images[i].Output.Labels!, truth).Iou;
                        scores.Add((alone, found));
                        if (rows.Count < Shown) rows.Add(Panels.Compare(batch, i, truth, naive[i], alone, found));
                    }

                    progress.Complete(chunk.Length);
                }
            });
            PanelRenderer.Write(parse.GetValue(output)!, rows, new PanelOptions { TitlesOnce = true });
            Print(console, parse.GetValue(deform)!, scores);
            console.MarkupLineInterpolated(
                $"Picture of the first {rows.Count} of {samples.Count} images: {Path.GetFullPath(parse.GetValue(output)!)}");
            return Task.FromResult((int)ExitCode.Success);
        });
        return command;
    }

    /// <summary>The bundle beside the program, or in the checkout it is run from.</summary>
    private static string FindBundle()
    {
        var beside = Path.Combine(AppContext.BaseDirectory, "models", "shapes");
        return Directory.Exists(beside)
            ? beside
            : throw new BundleException($"The demo's bundle is missing: expected '{beside}', which building the program puts there.");
    }

    private static List<ShapesImage> Draw(ImageSpec spec, Deformation deformation, int count, ulong seed)
    {
        // Far from the seeds of training data, which are small numbers.
        var set = unchecked(seed * 1_000_003);
        var grid = new SamplingGrid(spec.Height, spec.Width);
        return [.. Enumerable.Range(0, count).Select(i =>
        {
            var original = ShapesGenerator.Generate(set, i, spec.Width);
            var map = deformation.Draw(grid, set, i);
            return new ShapesImage(map.Apply(original.Image), map.ApplyToMask(original.Mask));
        })];
    }

    private static void Print(IAnsiConsole console, string deformation, List<(double Naive, double Canonicalised)> scores)
    {
        var table = new Table().Border(TableBorder.Rounded).Title($"IoU on {scores.Count} shapes deformed by {deformation}")
            .AddColumn("image")
            .AddColumn(new TableColumn("network alone").RightAligned())
            .AddColumn(new TableColumn("canonicalised").RightAligned());
        for (var i = 0; i < scores.Count; i++) table.AddRow($"{i + 1}", $"{scores[i].Naive:F3}", $"{scores[i].Canonicalised:F3}");
        table.AddRow("[bold]mean[/]", $"[bold]{scores.Average(score => score.Naive):F3}[/]",
            $"[bold]{scores.Average(score => score.Canonicalised):F3}[/]");
        console.Write(table);
    }
}
