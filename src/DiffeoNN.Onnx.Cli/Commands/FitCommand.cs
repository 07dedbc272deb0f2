using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Diagnostics;
using DiffeoNN.Onnx.Diagnostics.Reading;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Training.Fit;
using DiffeoNN.Onnx.Training.Fitting;
using Spectre.Console;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary><c>diffeonn fit</c>: from a network and undeformed images to a bundle.</summary>
internal static class FitCommand
{
    /// <summary>Creates the command.</summary>
    public static Command Create(IAnsiConsole console)
    {
        var inner = new Option<string>("--inner") { Description = "The ONNX file of the trained network.", Required = true };
        var data = new Option<string>("--data")
        {
            Description = "Undeformed images of the kind it was trained on: a folder, MNIST's files, or shapes.",
            Required = true,
        };
        var output = new Option<string>("--output") { Description = "Folder of the bundle.", Required = true };
        var time = new Option<string>("--time")
        {
            Description = "How long it may take, such as 90s, 20m or 1h30m; a usable bundle stands after a quarter of it. Less than "
                + $"{FitOptions.ShortestKept.TotalSeconds:0}s may not be kept.",
            DefaultValueFactory = _ => "20m",
        };
        var labels = new Option<bool>("--labels")
        {
            Description = "Learn from masks/, labels of split.csv and the like, and validate with them; else the network's own answers on "
                + "undeformed images stand for both.",
        };
        var resume = new Option<bool>("--resume") { Description = "Go on with a fit that was interrupted." };
        var overwrite = new Option<bool>("--overwrite")
        {
            Description = "Take the place of a bundle, of an interrupted fit or of files of the same names in --output.",
        };
        var skipBad = new Option<bool>("--skip-bad") { Description = "Leave out images that cannot be used, and say which." };
        var source = new Option<string?>("--source") { Description = "Only images of this source." };
        var count = new Option<int?>("--count") { Description = "At most so many images to train on." };
        var side = new Option<int?>("--side")
        {
            Description = "Longest side of the images that the search works on; the network's, at most "
                + $"{FitOptions.LongestUsual}, if left out.",
        };
        var families = new Option<string[]>("--deform")
        {
            Description = "Families of deformations to be robust to, the strongest last.",
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => ["tps", "tps-strong"],
        };
        var strength = new Option<double>("--strength")
        {
            Description = "Largest share of tps-strong's displacement in training, up to 1.",
            DefaultValueFactory = _ => 1,
        };
        var noTask = new Option<bool>("--no-task") { Description = "Do not learn from the network's answers." };
        var plan = new Option<string?>("--plan")
        {
            Description = "Steps to take instead of those that the time allows: plan.json of an earlier fit, which then "
                + "comes out the same.",
        };
        var trainedOn = new Option<string?>("--trained-on") { Description = "What the images are, for the manifest." };
        var licence = new Option<string?>("--licence") { Description = "Of the bundle, for the manifest." };
        var description = new Option<string?>("--description") { Description = "Of the bundle, for the manifest." };
        var seed = new Option<ulong>("--seed") { Description = "Of all that is drawn.", DefaultValueFactory = _ => 1UL };
        var threads = new Option<int>("--threads") { Description = "Cores to use; 0 for all.", DefaultValueFactory = _ => 0 };
        var device = new DeviceOption();
        families.AcceptOnlyFromAmong([.. Deformation.Names.Where(name => name != "none")]);
        time.Validators.Add(result =>
        {
            if (Duration(result.GetValue(time)) is null)
                result.AddError($"Time '{result.GetValue(time)}' is none; expected such as 90s, 20m or 1h30m, at least 5s.");
        });
        count.Validators.Add(result => OptionChecks.AtLeast(result, count, FitImages.FewestImages));
        threads.Validators.Add(result => OptionChecks.AtLeast(result, threads, 0));
        var reading = new ReadingCommandOptions();
        var command = new Command("fit", "Make a bundle of a trained network and undeformed images, within a given time.")
        {
            inner, data, output, time, labels, resume, overwrite, skipBad, source, count, side, families, strength, noTask, plan, trainedOn,
            licence, description, seed, device, threads,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(resume) && result.GetValue(overwrite))
                result.AddError("--resume goes on with what lies there, and --overwrite begins anew; give one of them.");
        });
        reading.AddTo(command);
        command.SetAction((parse, cancellationToken) =>
        {
            var folder = parse.GetValue(output)!;
            RefuseWhatLiesThere(folder, parse.GetValue(resume), parse.GetValue(overwrite));
            var execution = device.Apply(parse, new ExecutionOptions { Threads = parse.GetValue(threads) });
            // Those that cannot be used are told of when all are read.
            var images = WiringImages.Read(parse.GetValue(data)!, out _);
            var network = NetworkReading.Of(parse.GetValue(inner)!, images, reading.Read(parse), cancellationToken);
            ReadingLines.Print(console, network);
            if (network.Findings.FirstOrDefault(finding => finding.Level == FindingLevel.Problem) is { } problem)
                throw new BundleException($"'{parse.GetValue(inner)}': {problem.Text}; {problem.Advice}.");
            var fitter = new BundleFitter(network, new FitOptions
            {
                Time = Duration(parse.GetValue(time))!.Value,
                Seed = parse.GetValue(seed),
                Execution = execution,
                Families = [.. parse.GetValue(families)!],
                LongestSide = parse.GetValue(side),
                UsesTask = !parse.GetValue(noTask),
                SkipsBad = parse.GetValue(skipBad),
                Overwrites = parse.GetValue(overwrite),
                Plan = parse.GetValue(plan) is { } steps ? FitPlan.Load(steps) : null,
                Sampling = new DeformationSampling { HighestStrength = parse.GetValue(strength) },
                TrainedOn = parse.GetValue(trainedOn),
                Licence = parse.GetValue(licence),
                Description = parse.GetValue(description),
            });
            var found = DataOptions.WithTruth(
                () => FitData.Open(
                    parse.GetValue(data)!, network, parse.GetValue(labels), parse.GetValue(source), parse.GetValue(count),
                    parse.GetValue(seed)),
                "Leave out --labels to learn from the network's own answers on undeformed images, and to validate with them.");
            var result = FitDisplay.Run(console, folder, progress => Fit(() => fitter.Run(
                folder, found.Images, found.Validation, found.HasTruth, parse.GetValue(resume), progress, cancellationToken)));
            // What stands was said, and that is no error.
            if (result is null) return Task.FromResult((int)ExitCode.Cancelled);
            result.Plan.Save(Path.Combine(folder, "plan.json"));
            FitLines.PrintVerdict(console, result);
            new FitReport(result, network.Guesses, network.Findings)
            {
                Inner = parse.GetValue(inner)!, Data = parse.GetValue(data)!, Time = Duration(parse.GetValue(time))!.Value,
            }.Write(console, execution, cancellationToken);
            return Task.FromResult((int)ExitCode.Success);
        });
        return command;
    }

    /// <exception cref="UsageException">What lies in the folder refuses a fit that is told no more.</exception>
    private static void RefuseWhatLiesThere(string folder, bool resumes, bool overwrites)
    {
        const string elsewhere = "or give --output another folder.";
        var state = BundleFitter.StateOf(folder);
        if (state != FitFolderState.Taken && (resumes || overwrites)) return;
        var text = state switch
        {
            FitFolderState.Taken => $"Another fit is writing to '{folder}'; wait until it has ended, {elsewhere}",
            FitFolderState.Interrupted =>
                $"'{folder}' holds a fit that was interrupted; go on with it by --resume, begin anew by --overwrite, {elsewhere}",
            FitFolderState.Bundle => $"'{folder}' holds a bundle already; replace it by --overwrite, {elsewhere}",
            FitFolderState.Foreign => $"'{folder}' holds files that are no fit's; write among them by --overwrite, which replaces those "
                + $"that have a bundle's names, {elsewhere}",
            _ => null,
        };
        if (text is not null) throw new UsageException(text);
    }

    private static FitResult Fit(Func<FitResult> fit)
    {
        try
        {
            return fit();
        }
        catch (DataException e) when (e.HasBadImages)
        {
            throw new DataException($"{e.Message} {InputCheck.Advice}", e) { HasBadImages = true };
        }
    }

    /// <summary>A duration of hours, minutes and seconds; null for other text.</summary>
    internal static TimeSpan? Duration(string? text)
    {
        var (left, total) = (text ?? "", TimeSpan.Zero);
        while (left.Length > 0)
        {
            var end = left.IndexOfAny(['h', 'm', 's']);
            if (end < 1
                || !double.TryParse(left.AsSpan(0, end), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number))
            {
                return null;
            }

            total += left[end] switch
            {
                'h' => TimeSpan.FromHours(number),
                'm' => TimeSpan.FromMinutes(number),
                _ => TimeSpan.FromSeconds(number),
            };
            left = left[(end + 1)..];
        }

        return total.TotalSeconds is >= 5 and <= 1e6 ? total : null;
    }
}
