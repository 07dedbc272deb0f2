using System.CommandLine;
using System.CommandLine.Parsing;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>Range checks of options, reported as usage errors.</summary>
internal static class OptionChecks
{
    /// <summary>Refuses values below a minimum.</summary>
    public static void AtLeast<T>(OptionResult result, Option<T> option, T minimum)
        where T : IComparable<T>
    {
        if (result.GetValueOrDefault<T>() is { } value && value.CompareTo(minimum) < 0)
            result.AddError($"{option.Name} is {value}; expected at least {minimum}.");
    }
}
