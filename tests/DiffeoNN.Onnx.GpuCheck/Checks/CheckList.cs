using DiffeoNN.Onnx.GpuCheck.Running;

namespace DiffeoNN.Onnx.GpuCheck.Checks;

/// <summary>The checks, in the order in which <c>all</c> runs them, with their shares of the time.</summary>
internal static class CheckList
{
    private static readonly (string Name, double Share, Action<CheckOptions, Report> Run)[] Checks =
    [
        ("provider", 0.15, ProviderCheck.Run),
        ("gradients", 0.15, GradientsCheck.Run),
        ("bundles", 0.2, BundlesCheck.Run),
        ("race", 0.12, RaceCheck.Run),
        ("throughput", 0.2, ThroughputCheck.Run),
        ("search", 0.08, SearchCheck.Run),
        ("memory", 0.1, MemoryCheck.Run),
        ("profile", 0, ProfileCheck.Run),
    ];

    /// <summary>Names of the sub-commands.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Checks.Select(check => check.Name)];

    /// <summary>Those that <c>all</c> runs.</summary>
    public static IReadOnlyList<string> Timed { get; } = [.. Checks.Where(check => check.Share > 0).Select(check => check.Name)];

    /// <summary>Which part of the whole time a check may take.</summary>
    public static double Share(string name) => Checks.First(check => check.Name == name).Share;

    /// <summary>Runs one.</summary>
    public static void Run(CheckOptions options, Report report) => Checks.First(check => check.Name == options.Check).Run(options, report);
}
