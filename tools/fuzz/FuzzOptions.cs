using System.Globalization;

namespace DiffeoNN.Onnx.Fuzz;

/// <summary>What a run of the fuzzer does.</summary>
/// <param name="Targets">Names of the targets, each run by itself.</param>
/// <param name="Seed">Chooses all inputs.</param>
/// <param name="Count">Inputs for each target.</param>
/// <param name="Seconds">Most seconds for each target.</param>
/// <param name="Jobs">Worker processes at a time.</param>
/// <param name="Folder">Where findings are saved, and workers keep their files.</param>
/// <param name="Replay">A saved input to try in this process instead; null to fuzz.</param>
internal sealed record FuzzOptions(string[] Targets, int Seed, long Count, double Seconds, int Jobs, string Folder, string? Replay)
{
    public const string Usage =
        "fuzz [--target image|mask|csv|manifest|bundle|onnx|all] [--seed N] [--count N] [--seconds S] [--jobs N] [--folder DIR] "
        + "[--replay FILE]";

    /// <exception cref="FormatException">An option is unknown, or its value is missing or no number.</exception>
    public static FuzzOptions Parse(string[] arguments)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["--target"] = "all",
            ["--seed"] = "1",
            ["--count"] = "100000",
            ["--seconds"] = "1e9",
            ["--jobs"] = Environment.ProcessorCount.ToString(CultureInfo.InvariantCulture),
            ["--folder"] = Path.Combine(Path.GetTempPath(), "diffeonn-fuzz"),
            ["--replay"] = "",
        };
        for (var i = 0; i < arguments.Length; i += 2)
        {
            if (!values.ContainsKey(arguments[i]) || i + 1 == arguments.Length)
                throw new FormatException($"'{arguments[i]}' is no option with a value. {Usage}");
            values[arguments[i]] = arguments[i + 1];
        }

        var targets = values["--target"] == "all" ? [.. FuzzTargets.Names] : values["--target"].Split(',');
        if (targets.FirstOrDefault(name => !FuzzTargets.Names.Contains(name)) is { } unknown)
            throw new FormatException($"There is no target '{unknown}'. {Usage}");
        return new FuzzOptions(
            targets,
            int.Parse(values["--seed"], CultureInfo.InvariantCulture),
            long.Parse(values["--count"], CultureInfo.InvariantCulture),
            double.Parse(values["--seconds"], CultureInfo.InvariantCulture),
            Math.Max(1, int.Parse(values["--jobs"], CultureInfo.InvariantCulture)),
            Path.GetFullPath(values["--folder"]),
            values["--replay"].Length > 0 ? values["--replay"] : null);
    }
}
