using System.CommandLine;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Evaluation;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using Spectre.Console;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary><c>diffeonn evaluate</c>: scores a bundle on deformed data.</summary>
internal static class EvaluateCommand
{
    /// <summary>Creates the command.</summary>
    public static Command Create(IAnsiConsole console)
    {
        var output = new Option<string>("--output")
            { Description = "Folder for summary.json, samples.csv, boxplot.png and panels/.", Required = true };
        var split = new Option<string?>("--split") { Description = "Only images of this split; test where the data has splits." };
        var deform = new Option<string>("--deform") { Description = "Family of deformations.", DefaultValueFactory = _ => "tps" };
        var panels = new Option<int>("--panels")
        {
            Description = "How many of the worst, median and best to draw; 0 for none.",
            DefaultValueFactory = _ => 10,
        };
        var noInvariance = new Option<bool>("--no-invariance")
            { Description = "Do not canonicalise undeformed images: half the time, without energy gap and equivariance error." };
        deform.AcceptOnlyFromAmong([.. Deformation.Names]);
        panels.Validators.Add(result => OptionChecks.AtLeast(result, panels, 0));
        var (data, common) = (new DataOptions(), new CommonOptions());
        var command = new Command("evaluate", "Compare the network alone, canonicalised and trained with deformations, on deformed data.")
        {
            output, split, deform, panels, noInvariance,
        };
        data.AddTo(command);
        common.AddTo(command);
        command.SetAction((parse, cancellationToken) =>
        {
            var options = common.Read(parse);
            using var loaded = EquivariantModel.Load(data.Model(parse), options);
            var evaluator = new Evaluator(loaded, new EvaluationOptions
            {
                Deformation = Deformation.Create(parse.GetValue(deform)!),
                Seed = options.Seed,
                Batch = common.Batch(parse),
                MeasuresInvariance = !parse.GetValue(noInvariance),
                Task = data.Task(parse, loaded),
            });
            var chosen = parse.GetValue(split) ?? data.Unnamed(parse, "test", forTruth: null);
            var (images, check) = data.Open(console, parse, loaded, evaluator.Task, chosen, options.Seed, cancellationToken);
            var report = new EvaluationReport(parse.GetValue(output)!, evaluator, loaded);
            DeviceLine.Print(console, loaded, options.Execution.Device);
            EvaluationResult? result = null;
            ProgressLines.Run(console, "evaluating", check.Usable.Count, lines =>
                result = evaluator.Run(images, check, new Reporter(lines), cancellationToken));
            var drawn = Math.Min(parse.GetValue(panels), result!.Samples.Count);
            ProgressLines.Run(
                console, "drawing", 3 * drawn,
                lines => report.Write(result, images, drawn, common.Batch(parse), lines, cancellationToken));
            EvaluationTable.Print(console, result, parse.GetValue(output)!);
            return Task.FromResult((int)ExitOf(console, result));
        });
        return command;
    }

    private static ExitCode ExitOf(IAnsiConsole console, EvaluationResult result)
    {
        var broken = result.Samples.Count(sample => sample.Canonicalisation.Stop == StopReason.NonFinite);
        if (broken == 0) return ExitCode.Success;
        const string answers = "their answers come from the best image before that, or from the network alone";
        console.MarkupLineInterpolated($"[red]The energy was not finite for {broken} of {result.Samples.Count} images; {answers}.[/]");
        return ExitCode.NonFinite;
    }

    private sealed class Reporter(ProgressLines lines) : IProgress<EvaluationProgress>
    {
        public void Report(EvaluationProgress value) => lines.Value = value.Done;
    }
}
