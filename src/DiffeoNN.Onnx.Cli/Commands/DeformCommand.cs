using System.CommandLine;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Deformations;
using Spectre.Console;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary><c>diffeonn deform</c>: writes a randomly deformed copy of a data folder.</summary>
internal static class DeformCommand
{
    /// <summary>Creates the command.</summary>
    public static Command Create(IAnsiConsole console)
    {
        var data = new Option<string>("--data") { Description = "Folder with images/ and optional masks/ and split.csv.", Required = true };
        var output =
            new Option<string>("--output") { Description = "Folder to write images/, masks/ and split.csv into.", Required = true };
        var deform = new Option<string>("--deform") { Description = "Family of deformations.", DefaultValueFactory = _ => "tps" };
        deform.AcceptOnlyFromAmong([.. Deformation.Names]);
        var seed = new Option<ulong>("--seed") { Description = "Seed; the same gives the same maps.", DefaultValueFactory = _ => 1 };
        var split = new Option<string?>("--split") { Description = "Only rows of this split." };
        var source = new Option<string?>("--source") { Description = "Only rows of this source." };
        var count = new Option<int?>("--count") { Description = "At most so many images." };
        count.Validators.Add(result => OptionChecks.AtLeast(result, count, 1));
        var autoOrient = OrientationNote.Option();
        var command = new Command("deform", "Write a randomly deformed copy of a folder of images and masks.")
        {
            data, output, deform, seed, split, source, count, autoOrient,
        };
        command.SetAction((parse, cancellationToken) =>
        {
            var selection = new DeformedFolderOptions
            {
                Deformation = Deformation.Create(parse.GetValue(deform)!),
                Seed = parse.GetValue(seed),
                Split = parse.GetValue(split),
                Source = parse.GetValue(source),
                Count = parse.GetValue(count),
                Orients = parse.GetValue(autoOrient),
            };
            var written = DeformedFolder.Write(parse.GetValue(data)!, parse.GetValue(output)!, selection, null, cancellationToken);
            console.MarkupLineInterpolated(
                $"{written.Images} images deformed by {selection.Deformation.Name} written to {parse.GetValue(output)}.");
            OrientationNote.Print(console, written.Turned, parse.GetValue(autoOrient));
            return Task.FromResult(0);
        });
        return command;
    }
}
