using System.CommandLine;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Validation.Blame;
using DiffeoNN.Onnx.Validation.Differences;
using Spectre.Console;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary><c>diffeonn gradient</c>: writes a model together with the gradient of its outputs, in standard operators.</summary>
internal static class GradientCommand
{
    /// <summary>Creates the command.</summary>
    public static Command Create(IAnsiConsole console)
    {
        var model = new Argument<string>("model") { Description = "The ONNX file." };
        var target = new Option<string>("-o", "--to") { Description = "ONNX file to write.", Required = true };
        var outputs = new Option<string[]>("--output") { Description = "Output to differentiate; all float outputs if left out." };
        var inputs = new Option<string[]>("--input") { Description = "Input to differentiate by; all float inputs if left out." };
        var weights = new Option<bool>("--weights") { Description = "Also differentiate by the weights." };
        var seed = new Option<string>("--seed")
        {
            Description = "input: an input OUTPUT_grad for each output holds its upstream gradient; ones: the gradient of the sum.",
            DefaultValueFactory = _ => "input",
        };
        seed.AcceptOnlyFromAmong("input", "ones");
        var suffix = new Option<string>("--suffix")
        {
            Description = "What gradients have behind the name, for models that hold NAME_grad already.",
            DefaultValueFactory = _ => new GradientOptions().Suffix,
        };
        var fastOn = new Option<string>("--fast-on")
        {
            Description = "cpu or gpu: whose formulas are emitted; the graph is right on both.",
            DefaultValueFactory = _ => "cpu",
        };
        fastOn.AcceptOnlyFromAmong("cpu", "gpu");
        var command = new Command(
            "gradient", "Derive the gradient of an ONNX model as an ONNX model: the original inputs and outputs, and NAME_grad.")
        {
            model, target, outputs, inputs, weights, seed, suffix, fastOn,
        };
        var check = new GradientCheckCommandOptions();
        check.AddTo(command);
        command.SetAction((parse, cancellationToken) =>
        {
            var path = parse.GetValue(model)!;
            if (!File.Exists(path))
                throw new BundleException(Directory.Exists(path)
                    ? $"Model '{path}' is a folder; expected an ONNX file."
                    : $"Model '{path}' does not exist; expected an ONNX file.");
            if (File.Exists(parse.GetValue(target)!) && RealPath.IsSame(path, parse.GetValue(target)!))
                throw new UsageException($"-o names the model itself, '{path}'; the gradient goes into another file.");
            var options = new GradientOptions
            {
                Outputs = parse.GetValue(outputs) is { Length: > 0 } chosenOutputs ? chosenOutputs : null,
                Inputs = parse.GetValue(inputs) is { Length: > 0 } chosenInputs ? chosenInputs : null,
                Weights = parse.GetValue(weights),
                Seed = parse.GetValue(seed) == "ones" ? GradientSeed.Ones : GradientSeed.Input,
                Suffix = parse.GetValue(suffix)!,
                Target = parse.GetValue(fastOn) == "gpu" ? GradientTarget.Gpu : GradientTarget.Cpu,
            };
            var original = OnnxModel.Load(path);
            var gradient = GradientCompiler.Compile(original, options);
            var checkOptions = check.Read(parse, original, options);
            cancellationToken.ThrowIfCancellationRequested();
            gradient.Save(parse.GetValue(target)!);
            var made = gradient.Graph.Outputs
                .Select(output => output.Name)
                .Where(name => name.EndsWith(options.Suffix, StringComparison.Ordinal));
            var size = $"opset {gradient.Opset}, {gradient.Graph.Nodes.Count} nodes";
            console.MarkupLineInterpolated($"{parse.GetValue(target)} written: {string.Join(", ", made)}; {size}.");
            var canBeRead = checkOptions is not null && !AtomicFile.IsWrittenInPlace(parse.GetValue(target)!);
            var written = canBeRead ? OnnxModel.Load(parse.GetValue(target)!) : gradient;
            if (checkOptions is null) return Task.FromResult((int)ExitCode.Success);
            var result = GradientCheck.Run(original, written, checkOptions, cancellationToken);
            var fault = RuntimeFault.Find(original, written, result, checkOptions, cancellationToken);
            return Task.FromResult((int)GradientCheckCommandOptions.Print(console, result, fault));
        });
        return command;
    }
}
