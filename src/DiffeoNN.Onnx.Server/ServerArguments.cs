using System.Reflection;
using DiffeoNN.Onnx.Serving.Server;

namespace DiffeoNN.Onnx.Server;

/// <summary>A command line: settings by name, a file of settings, or the wish to be told what there is.</summary>
/// <param name="Settings">By their names, as <see cref="ServerSettings.Read"/> takes them.</param>
/// <param name="File">A JSON file of settings; null for none.</param>
internal sealed record ServerArguments(IReadOnlyDictionary<string, string> Settings, string? File)
{
    private const string ConfigurationFile = "--config";

    /// <summary>What is to be printed instead; null to serve.</summary>
    public string? Text { get; init; }

    /// <summary>The version of this program.</summary>
    public static string Version { get; } =
        typeof(ServerArguments).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    /// <summary>What there is to say, a line each.</summary>
    public static string Help { get; } = string.Join('\n',
    [
        "Serves bundles and ONNX models by the Open Inference Protocol v2, over HTTP and gRPC.",
        "",
        "diffeonn-server --models DIR [--NAME VALUE]...",
        "",
        .. ServerSettings.All.Select(setting => Line($"--{setting.Name} {setting.Value}", setting.Description)),
        Line($"{ConfigurationFile} FILE", "JSON file of settings, by these names."),
        Line("--help, --version", "These lines; the version."),
        "",
        $"Each setting may also be given in the environment, as {ServerSettings.All[0].Variable}: the command line counts more than the",
        "environment, which counts more than the file. Exit codes: 0 ended when told to; 2 settings that make no sense, a port that is",
        "taken, or models that do not work any more; 1 a defect.",
    ]);

    /// <summary>Reads a command line.</summary>
    /// <param name="arguments">As given by the shell, without the program's name.</param>
    /// <exception cref="ServerException">It holds something else than <c>--NAME VALUE</c>, or a name twice.</exception>
    public static ServerArguments Read(IReadOnlyList<string> arguments)
    {
        var text = arguments.Any(argument => argument is "--help" or "-h" or "-?") ? Help : arguments is ["--version"] ? Version : null;
        if (text is not null) return new(new Dictionary<string, string>(), null) { Text = text };
        var given = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var i = 0; i < arguments.Count; i++)
        {
            var argument = arguments[i];
            if (!argument.StartsWith("--", StringComparison.Ordinal) || argument.Length == 2)
                throw Wrong($"'{argument}' is no setting; expected --NAME VALUE.");
            var (name, value) = argument.Split('=', 2) is [var left, var right] ? (left, right) : (argument, null);
            var setting = ServerSettings.All.FirstOrDefault(one => $"--{one.Name}" == name);
            if (setting is null && name != ConfigurationFile)
                throw Wrong($"{name} is no setting.");
            if (value is null)
            {
                var hasNext = i + 1 < arguments.Count && !IsName(arguments[i + 1]);
                if (hasNext && (setting?.IsFlag != true || arguments[i + 1] is "true" or "false")) value = arguments[++i];
                else value = setting?.IsFlag == true ? "true" : throw Wrong($"{name} has no value; expected {setting?.Value ?? "FILE"}.");
            }

            if (!given.TryAdd(name[2..], value)) throw Wrong($"{name} is given twice.");
        }

        return given.Remove(ConfigurationFile[2..], out var file) ? new(given, file) : new(given, null);
    }

    // A value may begin with a minus, as -1 for no port does.
    private static bool IsName(string argument) => argument.StartsWith("--", StringComparison.Ordinal);

    private static string Line(string left, string right) => left.Length < 30 ? $"  {left,-30} {right}" : $"  {left}\n{"",33}{right}";

    private static ServerException Wrong(string problem) => new($"{problem} See 'diffeonn-server --help'.");
}
