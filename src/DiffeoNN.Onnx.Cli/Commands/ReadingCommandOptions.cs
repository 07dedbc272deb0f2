using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Text.Json;
using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Diagnostics.Reading;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>Options that say of a network what would be guessed otherwise.</summary>
internal sealed class ReadingCommandOptions
{
    private readonly Option<string?> _kind = Choice<OutputKind>("--kind", "What the output means.");
    private readonly Option<string[]> _outputs = new("--output-name")
    {
        Description = "An output that is an answer; may be given several times, the one that is evaluated first.",
    };
    private readonly Option<string?> _activation = Choice<OutputActivation>("--activation", "What turns scores into probabilities.");
    private readonly Option<string?> _classes = new("--classes") { Description = "Names of the classes, by commas." };
    private readonly Option<string?> _layout = Choice<ChannelLayout>("--layout", "Where the input has its channels.");
    private readonly Option<string?> _range = new("--range") { Description = "The value of white, 1 or 255 mostly." };
    private readonly Option<string?> _mean = new("--mean")
    {
        Description = "Taken off values in units of --range: one number, or one a channel by commas.",
    };
    private readonly Option<string?> _std = new("--std") { Description = "Divided by after that: one number, or one a channel by commas." };
    private readonly Option<int?> _height = new("--height") { Description = "Rows, where the file leaves them free." };
    private readonly Option<int?> _width = new("--width") { Description = "Columns, where the file leaves them free." };
    private readonly Option<string?> _coordinates = Choice<OutputCoordinates>("--coordinates", "What numbers of points and boxes count.");
    private readonly Option<string?> _order = Choice<CoordinateOrder>("--order", "Which coordinate comes first.");
    private readonly Option<string?> _format = Choice<BoxFormat>("--format", "What the four numbers of a box are.");

    public ReadingCommandOptions()
    {
        _height.Validators.Add(result => OptionChecks.AtLeast(result, _height, 2));
        _width.Validators.Add(result => OptionChecks.AtLeast(result, _width, 2));
        _range.Validators.Add(result => Numbers(result, "a number above 0", one => one is [> 0]));
        _mean.Validators.Add(result => Numbers(result, "numbers, such as 0.485,0.456,0.406", _ => true));
        _std.Validators.Add(result =>
            Numbers(result, "numbers above 0, such as 0.229,0.224,0.225", numbers => Array.TrueForAll(numbers, value => value > 0)));
    }

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (var option in new Option[]
        {
            _kind, _outputs, _activation, _classes, _layout, _range, _mean, _std, _height, _width, _coordinates, _order, _format,
        }) command.Options.Add(option);
    }

    /// <summary>What they say.</summary>
    public ReadingOptions Read(ParseResult parse) => new()
    {
        Kind = Of<OutputKind>(parse.GetValue(_kind)),
        Outputs = parse.GetValue(_outputs) is { Length: > 0 } names ? names : null,
        Activation = Of<OutputActivation>(parse.GetValue(_activation)),
        Classes = parse.GetValue(_classes)?.Split(',', StringSplitOptions.TrimEntries),
        Layout = Of<ChannelLayout>(parse.GetValue(_layout)),
        Range = Parse(parse.GetValue(_range))?[0],
        Mean = Parse(parse.GetValue(_mean)),
        Std = Parse(parse.GetValue(_std)),
        Height = parse.GetValue(_height),
        Width = parse.GetValue(_width),
        Coordinates = Of<OutputCoordinates>(parse.GetValue(_coordinates)),
        Order = Of<CoordinateOrder>(parse.GetValue(_order)),
        Format = Of<BoxFormat>(parse.GetValue(_format)),
    };

    private static Option<string?> Choice<T>(string name, string description)
        where T : struct, Enum
    {
        var option = new Option<string?>(name) { Description = description };
        option.AcceptOnlyFromAmong([.. Enum.GetNames<T>().Select(JsonNamingPolicy.CamelCase.ConvertName)]);
        return option;
    }

    private static T? Of<T>(string? word)
        where T : struct, Enum => word is null ? null : Enum.Parse<T>(word, ignoreCase: true);

    private static double[]? Parse(string? text)
    {
        if (text is null) return null;
        double?[] numbers = [.. text.Split(',', StringSplitOptions.TrimEntries).Select(part =>
            double.TryParse(part, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number : (double?)null)];
        return Array.TrueForAll(numbers, number => number is not null) ? [.. numbers.Select(number => number!.Value)] : null;
    }

    private static void Numbers(OptionResult result, string expected, Func<double[], bool> holds)
    {
        if (result.Tokens is not [{ Value: var text }]) return;
        if (Parse(text) is not { } numbers || !holds(numbers)) result.AddError($"{result.Option.Name} is '{text}'; expected {expected}.");
    }
}
