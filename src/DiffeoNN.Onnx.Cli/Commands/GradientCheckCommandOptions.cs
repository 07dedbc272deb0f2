using System.CommandLine;
using System.Globalization;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Validation.Differences;
using DiffeoNN.Onnx.Validation.Sources;
using Spectre.Console;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary><c>--check</c> of <c>diffeonn gradient</c>: compares what was written with finite differences and prints how they
/// agree.</summary>
internal sealed class GradientCheckCommandOptions
{
    private readonly Option<bool> _check = new("--check")
        { Description = "Compare the written gradient with finite differences of the model in ONNX Runtime." };
    private readonly Option<int> _samples = new("--check-samples")
    {
        Description = "Elements compared of each input.",
        DefaultValueFactory = _ => 32,
    };
    private readonly Option<int> _seed = new("--check-seed")
    {
        Description = "Seed of inputs, upstream gradients and samples.",
        DefaultValueFactory = _ => 1,
    };
    private readonly Option<string?> _data = new("--data")
        { Description = "Folder with NAME.pb or input_K.pb, for inputs other than random normal numbers." };
    private readonly Option<string[]> _shapes = new("--shape")
    {
        Description =
            "NAME=1,3,224,224: shape of an input that is drawn. Free sizes are otherwise 2 in the first dimension, 32 in the others.",
    };

    public GradientCheckCommandOptions()
    {
        _samples.Validators.Add(result => OptionChecks.AtLeast(result, _samples, 1));
        _seed.Validators.Add(result => OptionChecks.AtLeast(result, _seed, 0));
    }

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { _check, _samples, _seed, _data, _shapes }) command.Options.Add(option);
    }

    /// <summary>What to check; null where nothing is to be. Reads the data, so that nothing is written where it is missing.</summary>
    public GradientCheckOptions? Read(ParseResult parse, OnnxModel model, GradientOptions gradient)
    {
        var shapes = ShapeOption.Parse(parse.GetValue(_shapes) ?? []);
        if (!parse.GetValue(_check))
        {
            if (shapes.Count > 0 || parse.GetValue(_data) is not null)
                throw new UsageException("--shape and --data belong to --check, which is not given.");
            return null;
        }

        return new GradientCheckOptions
        {
            Gradient = gradient,
            Samples = parse.GetValue(_samples),
            Seed = parse.GetValue(_seed),
            Data = parse.GetValue(_data) is { } folder
                ? TensorFolder.Read(folder, model, gradient.Suffix)
                : new Dictionary<string, OnnxTensor>(),
            Shapes = shapes,
        };
    }

    /// <summary>Prints the comparison, input by input.</summary>
    /// <param name="console">Where to.</param>
    /// <param name="result">The comparison.</param>
    /// <param name="fault">What is wrong with ONNX Runtime itself; null for nothing.</param>
    public static ExitCode Print(IAnsiConsole console, GradientCheckResult result, string? fault)
    {
        foreach (var assumption in result.Assumptions) console.WriteLine($"Assumed: {assumption}.");
        foreach (var input in result.Inputs)
        {
            var worst = input.Worst is { } element
                ? $", largest error {Number(input.LargestAbsoluteError)} ({Number(input.LargestRelativeError)} of the largest derivative) "
                    + $"at [{string.Join(",", element.Index)}]: written {Number(element.Emitted, 6)}, differences "
                    + $"{Number(element.Differences, 6)}, allowed {Number(element.Allowed)}"
                : "";
            console.WriteLine(
                $"'{input.Name}' [{string.Join(",", input.Shape)}]: {(input.Passed ? "agrees" : input.IsWrong ? "WRONG" : "undecided")}; "
                    + $"{Counts(input.Elements, input.UnsteadyElements)} elements{worst}; "
                    + $"{Counts(input.Directions, input.UnsteadyDirections)} directions, largest error "
                    + $"{Number(input.LargestDirectionalError)} of the gradient's length.");
        }

        if (result.Inputs.Any(input => input.UnsteadyElements + input.UnsteadyDirections > 0))
            console.WriteLine("Unsteady: finite differences of several steps contradict each other there (a kink, or rounding), "
                + "so that they say nothing.");
        var precision = result.Precision == OnnxElementType.Double ? "float64" : "float32";
        console.WriteLine($"Outputs differ by {Number(result.OutputError)} of the largest. Differences in {precision}; tolerance "
            + $"{Number(result.Tolerance)} of the largest derivative, and beside it three times what rounding makes of a difference.");
        console.WriteLine(result.Passed ? "The gradient agrees with finite differences." : Problem(result));
        if (fault is not null) console.WriteLine(fault);
        return result.Passed ? ExitCode.Success : ExitCode.Disagreement;
    }

    private static string Problem(GradientCheckResult result)
    {
        if (result.OutputError > result.Tolerance) return "The outputs of the written model differ from the original's.";
        var wrong = result.Inputs.Where(input => input.IsWrong).Select(input => $"'{input.Name}'").ToList();
        return wrong.Count > 0
            ? $"The gradient disagrees with finite differences for {string.Join(", ", wrong)}."
            : "Finite differences say nothing about "
                + $"{string.Join(", ", result.Inputs.Where(input => !input.IsDecided).Select(input => $"'{input.Name}'"))}; give other "
                + "inputs (--data, --check-seed).";
    }

    private static string Counts(int all, int unsteady) => unsteady == 0 ? $"{all}" : $"{all} ({unsteady} unsteady)";

    private static string Number(double value, int digits = 2) => value.ToString($"g{digits}", CultureInfo.InvariantCulture);
}
