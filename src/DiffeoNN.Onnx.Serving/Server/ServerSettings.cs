using System.Collections;
using System.Globalization;
using System.Numerics;
using System.Text.Json;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Serving.Options;

namespace DiffeoNN.Onnx.Serving.Server;

/// <summary>All settings of a server, and how they are brought together: the command line counts more than the environment, which counts
/// more than a file.</summary>
public static class ServerSettings
{
    /// <summary>The settings, in the order in which they are listed.</summary>
    public static IReadOnlyList<ServerSetting> All { get; } =
    [
        new("models", "DIR", "Folder of the models: NAME/ or NAME/VERSION/ with a bundle, and .onnx files.",
            (o, v) => o with { Models = v }),
        new("address", "ADDRESS", "IP address to listen on, localhost, or * for all (localhost).", (o, v) => o with { Address = v }),
        new("http", "PORT", "Port of HTTP; 0 for any that is free, -1 for none (8080).", (o, v) => o with { Http = Whole(v, -1, 65535) }),
        new("grpc", "PORT", "Port of gRPC (9000).", (o, v) => o with { Grpc = Whole(v, -1, 65535) }),
        new("metrics", "PORT", "Port of Prometheus metrics (9001).", (o, v) => o with { Metrics = Whole(v, -1, 65535) }),
        new("device", "DEVICE", "Where to run: auto, cpu, cuda, or cuda:N (auto).", Device),
        new("threads", "N", "Cores to use; 0 for all that this process may use (0).",
            (o, v) => Run(o, run => run with { Threads = Whole(v, 0) })),
        new("preset", "bundle|published", "Where settings of searches come from that a request does not give (bundle).",
            (o, v) => Serve(o, serving => serving with { Preset = Word<SearchPreset>(v) })),
        new("rows", "N", "Images of a bundle that are searched at a time (32).",
            (o, v) => Serve(o, s => s with { MaximumRows = Whole(v) })),
        new("queue", "N", "Images of a bundle that wait or run; those beyond are refused (256).",
            (o, v) => Serve(o, s => s with { QueueCapacity = Whole(v) })),
        new("queue-mb", "N", "Megabytes of their pixels (1024).", (o, v) => Serve(o, s => s with { QueueBytes = 1_000_000L * Whole(v) })),
        new("body-mb", "N", "Megabytes of all requests that are read or answered at a time; those beyond are refused (1024).",
            (o, v) => Serve(o, s => s with { BodyBytes = 1_000_000L * Whole(v) })),
        new("max-batch", "N", "Images of a request (64).", (o, v) => Serve(o, s => s with { MaximumBatch = Whole(v) })),
        new("max-steps", "N", "Steps that a request may ask for (1000).", (o, v) => Serve(o, s => s with { MaximumSteps = Whole(v) })),
        new("max-answer-mb", "N", "Megabytes of the outputs of a request; more are not computed (256).",
            (o, v) => Serve(o, s => s with { Limits = s.Limits with { AnswerBytes = 1_000_000L * Whole(v) } })),
        new("max-passes", "N", "Passes of the proposer that a request may ask for (16).",
            (o, v) => Serve(o, s => s with { MaximumPasses = Whole(v) })),
        new("max-pixels", "N", "Pixels of an encoded image; larger ones are refused before they are decoded (100000000).",
            (o, v) => Serve(o, s => s with { Limits = s.Limits with { Pixels = Whole(v) } })),
        new("batching", "continuous|request",
            "When images join those that are searched: between steps, or when all have ended (continuous).",
            (o, v) => Serve(o, s => s with { Batching = Word<BatchingMode>(v) })),
        new("admin", "true|false", "Whether clients may load and unload models (false).",
            (o, v) => Serve(o, s => s with { AllowsAdministration = Truth(v) })),
        new("poll", "SECONDS",
            "How often to look for new, changed and removed models and versions; 0 for never, but while there are none (0).",
            (o, v) => o with { Poll = Seconds(v) }),
        new("key-file", "FILE", "Keys of clients, one a line; without, whoever reaches the port is served.",
            (o, v) => o with { KeyFile = v }),
        new("tls-cert", "FILE", "Certificate of the server, PEM.", (o, v) => o with { Certificate = v }),
        new("tls-key", "FILE", "Its key, PEM, if the certificate's file does not hold it.", (o, v) => o with { CertificateKey = v }),
        new("tls-client-ca", "FILE", "Certificates, PEM, one of which has to have signed a client's.",
            (o, v) => o with { ClientAuthority = v }),
        new("drain", "SECONDS", "How long requests are taken after the signal to end, while the server is not ready (5).",
            (o, v) => o with { Drain = Seconds(v) }),
        new("grace", "SECONDS", "How long requests in flight may take after that (60).", (o, v) => o with { Grace = Seconds(v) }),
        new("watchdog", "SECONDS",
            "How long models may not answer before the server is not ready; after as long again it ends; 0 for never (120).",
            (o, v) => o with { Watchdog = Seconds(v) }),
        new("triton-metrics", "true|false", "Tell metrics under Triton's names, too, where they mean the same (false).",
            (o, v) => o with { HasTritonMetrics = Truth(v) }),
        new("json-log", "true|false", "Log as JSON, a line each (false).", (o, v) => o with { JsonLog = Truth(v) }),
    ];

    /// <summary>Brings settings together.</summary>
    /// <param name="commandLine">By their names.</param>
    /// <param name="file">A JSON file of settings; null for none.</param>
    /// <param name="environment">Variables; null for this process's.</param>
    /// <exception cref="ServerException">Settings are unknown or have values that make no sense; all are named, a line each.</exception>
    public static ServerOptions Read(
        IReadOnlyDictionary<string, string> commandLine, string? file = null, IDictionary? environment = null)
    {
        ArgumentNullException.ThrowIfNull(commandLine);
        environment ??= Environment.GetEnvironmentVariables();
        var problems = new List<string>();
        var options = new ServerOptions { Models = "" };
        var ofFile = file is null ? [] : OfFile(file, problems);
        // What a file that cannot be read would have said is not known.
        var isRead = problems.Count == 0;
        foreach (var (name, value, place) in ofFile.Concat(OfEnvironment(environment, problems))
            .Concat(commandLine.Select(pair => (pair.Key, pair.Value, $"--{pair.Key}"))))
        {
            if (All.FirstOrDefault(one => one.Name == name) is not { } setting)
            {
                problems.Add($"{place} is no setting; settings: {string.Join(", ", All.Select(one => one.Name))}.");
                continue;
            }

            try
            {
                options = setting.Apply(options, value);
            }
            catch (FormatException error)
            {
                problems.Add($"{place} is '{value}'; expected {error.Message}.");
            }
        }

        if (options.Models.Length == 0 && isRead) problems.Add("--models is missing: the folder of the models.");
        else if (options.Models.Length > 0) problems.AddRange(options.Problems());
        return problems.Count == 0 ? options : throw new ServerException(string.Join(Environment.NewLine, problems));
    }

    private static IReadOnlyList<(string Name, string Value, string Place)> OfFile(string path, List<string> problems)
    {
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllText(path));
            if (json.RootElement.ValueKind == JsonValueKind.Object)
            {
                return [.. json.RootElement.EnumerateObject().Select(property => (property.Name,
                    property.Value.ValueKind == JsonValueKind.String ? property.Value.GetString()! : property.Value.GetRawText(),
                    $"'{property.Name}' of {path}"))];
            }

            problems.Add($"--config: '{path}' holds {Word(json.RootElement.ValueKind)}; expected an object of settings.");
        }
        catch (JsonException error)
        {
            problems.Add($"--config: '{path}' is no JSON, line {error.LineNumber + 1}: {Plain(error.Message)}");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            problems.Add($"--config: '{path}' cannot be read: {error.Message}");
        }

        return [];
    }

    private static string Word(JsonValueKind kind) => kind switch
    {
        JsonValueKind.Array => "an array",
        JsonValueKind.String => "a text",
        JsonValueKind.Number => "a number",
        JsonValueKind.Null => "null",
        _ => "true or false",
    };

    // What the reader says, without where, which is said before, and without what programmers could do about it.
    private static string Plain(string message) => message.Split(" LineNumber:")[0]
        .Replace(" Change the reader options.", "", StringComparison.Ordinal);

    private static IEnumerable<(string Name, string Value, string Place)> OfEnvironment(IDictionary environment, List<string> problems)
    {
        foreach (DictionaryEntry entry in environment)
        {
            if (entry is not { Key: string key, Value: string value } || !key.StartsWith("DIFFEONN_SERVE_", StringComparison.Ordinal))
                continue;
            if (All.FirstOrDefault(one => one.Variable == key) is { } setting) yield return (setting.Name, value, key);
            else problems.Add($"{key} is no setting; settings: {string.Join(", ", All.Select(one => one.Variable))}.");
        }
    }

    private static ServerOptions Serve(ServerOptions options, Func<ServingOptions, ServingOptions> change) =>
        options with { Serving = change(options.Serving) };

    private static ServerOptions Run(ServerOptions options, Func<ExecutionOptions, ExecutionOptions> change) =>
        Serve(options, serving => serving with { Execution = change(serving.Execution) });

    private static ServerOptions Device(ServerOptions options, string value)
    {
        const string gpu = "cuda:";
        var index = value.StartsWith(gpu, StringComparison.Ordinal)
            && int.TryParse(value.AsSpan(gpu.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : -1;
        ExecutionDevice? device = value switch
        {
            "auto" => ExecutionDevice.Auto, "cpu" => ExecutionDevice.Cpu, "cuda" => ExecutionDevice.Cuda,
            _ => index >= 0 ? ExecutionDevice.Cuda : null,
        };
        if (device is null) throw new FormatException("auto, cpu, cuda, or cuda:N with the number of a GPU, from 0");
        return Run(options, run => run with { Device = device.Value, DeviceIndex = Math.Max(index, 0) });
    }

    /// <summary>A whole number; what is out of its range is told by the options, with others that make no sense.</summary>
    private static int Whole(string value, int least = 1, int most = int.MaxValue)
    {
        if (int.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)) return number;
        throw new FormatException(BigInteger.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _)
            ? $"a whole number from {least} to {most}" : "a whole number");
    }

    private static TimeSpan Seconds(string value)
    {
        const int most = 1_000_000;
        if (!double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) || double.IsNaN(number))
            throw new FormatException("a number of seconds, 0 or more");
        return number <= most ? TimeSpan.FromSeconds(number) : throw new FormatException($"a number of seconds from 0 to {most}");
    }

    private static bool Truth(string value) => value switch
    {
        "true" => true,
        "false" => false,
        _ => throw new FormatException("true or false"),
    };

    private static T Word<T>(string value)
        where T : struct, Enum => Enum.GetValues<T>().Cast<T?>().FirstOrDefault(one =>
            $"{one}".Equals(value, StringComparison.OrdinalIgnoreCase)) ?? throw new FormatException(
            string.Join(" or ", Enum.GetNames<T>().Select(name => name.ToLowerInvariant())));
}
