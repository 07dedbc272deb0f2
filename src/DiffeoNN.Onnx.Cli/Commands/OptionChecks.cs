using System.CommandLine;
using System.CommandLine.Parsing;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>Range checks of options, reported as usage errors.</summary>
internal static class OptionChecks
{
    /// <summary>Refuses what is no whole number and values below a minimum; an option that was not given passes.</summary>
    public static void AtLeast(OptionResult result, Option option, int minimum)
    {
        if (result.Tokens is not [{ Value: var text }]) return;
        if (!int.TryParse(text, out var value)) result.AddError($"{option.Name} is '{text}'; expected a whole number.");
        else if (value < minimum) result.AddError($"{option.Name} is {value}; expected at least {minimum}.");
    }
}
