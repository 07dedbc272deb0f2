using System.CommandLine;
using DiffeoNN.Onnx.Data;
using Spectre.Console;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary><c>diffeonn shapes</c>: writes the synthetic segmentation task as a data folder.</summary>
internal static class ShapesCommand
{
    /// <summary>Creates the command.</summary>
    public static Command Create(IAnsiConsole console)
    {
        var output =
            new Option<string>("--output") { Description = "Folder to write images/, masks/ and split.csv into.", Required = true };
        var count = new Option<int>("--count") { Description = "Number of images.", DefaultValueFactory = _ => 1000 };
        var seed = new Option<ulong>("--seed") { Description = "Seed of the set.", DefaultValueFactory = _ => 1 };
        var size = new Option<int>("--size") { Description = "Rows and columns, at least 16.", DefaultValueFactory = _ => 128 };
        count.Validators.Add(result => OptionChecks.AtLeast(result, count, 1));
        size.Validators.Add(result => OptionChecks.AtLeast(result, size, 16));
        var command = new Command("shapes", "Write synthetic images of shapes with their masks.") { output, count, seed, size };
        command.SetAction((parse, cancellationToken) =>
        {
            ShapesDataSet.Write(
                parse.GetValue(output)!, parse.GetValue(count), parse.GetValue(seed), parse.GetValue(size), null, cancellationToken);
            console.MarkupLineInterpolated($"{parse.GetValue(count)} images written to {parse.GetValue(output)}.");
            return Task.FromResult(0);
        });
        return command;
    }
}
