using System.CommandLine;
using System.CommandLine.Parsing;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>Range checks of options, reported as usage errors.</summary>
internal static class OptionChecks
{
    /// <summary>Refuses values below a minimum; an option that was not given passes.</summary>
    public static void AtLeast(OptionResult result, Option<int> option, int minimum) =>
        Check(result, result.GetValueOrDefault<int>(), option.Name, minimum);

    /// <inheritdoc cref="AtLeast(OptionResult, Option{int}, int)"/>
    public static void AtLeast(OptionResult result, Option<int?> option, int minimum) =>
        Check(result, result.GetValueOrDefault<int?>(), option.Name, minimum);

    private static void Check(OptionResult result, int? value, string name, int minimum)
    {
        if (value < minimum) result.AddError($"{name} is {value}; expected at least {minimum}.");
    }
}
