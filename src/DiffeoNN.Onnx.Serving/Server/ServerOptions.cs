using System.Net;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Serving.Options;

namespace DiffeoNN.Onnx.Serving.Server;

/// <summary>Where a server listens, who may speak to it, and what it serves; change with <c>with</c>.</summary>
public sealed record ServerOptions
{
    /// <summary>Folder of the models, as <see cref="Repository.ModelFolder"/> reads it.</summary>
    public required string Models { get; init; }

    /// <summary>Address to listen on: an IP address, <c>localhost</c>, or <c>*</c> for all.</summary>
    public string Address { get; init; } = "localhost";

    /// <summary>Port of HTTP; 0 for any that is free, -1 for none.</summary>
    public int Http { get; init; } = 8080;

    /// <summary>Port of gRPC; 0 for any that is free, -1 for none.</summary>
    public int Grpc { get; init; } = 9000;

    /// <summary>Port of metrics, always without TLS and key; 0 for any that is free, -1 for none.</summary>
    public int Metrics { get; init; } = 9001;

    /// <summary>How long requests are still taken after the signal to end, while the server says that it is not ready.</summary>
    public TimeSpan Drain { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long requests in flight may take after that.</summary>
    public TimeSpan Grace { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long a piece of work, or a request of the server's own that tries its models now and then, may take before the server
    /// says that it is not ready; where that stays so for as long again, it ends. Zero for no watchdog.</summary>
    public TimeSpan Watchdog { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>How often to look at the folder for models and versions that are new, have changed, or are gone; zero for never. While
    /// there are none, it is looked at every 5 s in any case.</summary>
    public TimeSpan Poll { get; init; }

    /// <summary>File with the keys of clients, one a line; null for no keys.</summary>
    public string? KeyFile { get; init; }

    /// <summary>Certificate of the server, PEM; null for plain text.</summary>
    public string? Certificate { get; init; }

    /// <summary>Its key, PEM; null where the certificate's file holds it.</summary>
    public string? CertificateKey { get; init; }

    /// <summary>Certificates, PEM, one of which has to have signed a client's; null for clients without.</summary>
    public string? ClientAuthority { get; init; }

    /// <summary>Tells metrics under Triton's names, too, where they mean the same.</summary>
    public bool HasTritonMetrics { get; init; }

    /// <summary>Logs nothing.</summary>
    public bool IsQuiet { get; init; }

    /// <summary>Logs as JSON, a line each.</summary>
    public bool JsonLog { get; init; }

    /// <summary>How models are served.</summary>
    public ServingOptions Serving { get; init; } = new();

    /// <summary>What is wrong with the options, a line each; empty if nothing is.</summary>
    public IReadOnlyList<string> Problems()
    {
        var problems = new List<string>();
        void Expect(bool isRight, string problem)
        {
            if (!isRight) problems.Add(problem);
        }

        Expect(Directory.Exists(Models), $"--models: the folder '{Models}' does not exist.");
        if (Directory.Exists(Models) && Unreadable(Models) is { } hidden)
            problems.Add($"--models: the folder '{Models}' cannot be read: {hidden}");
        Expect(!File.Exists(Path.Combine(Models, BundleManifest.FileName)),
            $"--models: '{Models}' is a bundle; expected the folder that holds it, whose models are served by their folders' names.");
        Expect(Address is "localhost" or "*" || IPAddress.TryParse(Address, out _), NoAddress(Address));
        Expect(Serving.Execution.Threads >= 0, $"--threads is {Serving.Execution.Threads}; expected 0 for all cores, or a number of them.");
        foreach (var (name, port) in new[] { ("http", Http), ("grpc", Grpc), ("metrics", Metrics) })
            Expect(port is >= -1 and <= 65535, $"--{name} is {port}; expected a port from 1 to 65535, 0 for any, or -1 for none.");
        Expect(Http >= 0 || Grpc >= 0, "--http and --grpc are both off: nothing would be served.");
        var ports = new[] { Http, Grpc, Metrics }.Where(port => port > 0).ToList();
        Expect(ports.Distinct().Count() == ports.Count, "--http, --grpc and --metrics need ports of their own.");
        Expect(Drain >= TimeSpan.Zero && Grace >= TimeSpan.Zero && Watchdog >= TimeSpan.Zero && Poll >= TimeSpan.Zero,
            "Times must not be negative.");
        foreach (var (name, file) in new[]
        {
            ("key-file", KeyFile), ("tls-cert", Certificate), ("tls-key", CertificateKey), ("tls-client-ca", ClientAuthority),
        })
        {
            if (file is null) continue;
            if (Directory.Exists(file)) problems.Add($"--{name}: '{file}' is a folder; expected a file.");
            else if (!File.Exists(file)) problems.Add($"--{name}: '{file}' does not exist.");
            else if (Unreadable(file) is { } closed) problems.Add($"--{name}: '{file}' cannot be read: {closed}");
        }

        Expect(Certificate is not null || (CertificateKey is null && ClientAuthority is null),
            "--tls-key and --tls-client-ca need --tls-cert.");
        var serving = Serving;
        foreach (var (name, value) in new (string, long)[]
        {
            ("queue", serving.QueueCapacity), ("max-batch", serving.MaximumBatch), ("max-steps", serving.MaximumSteps),
            ("rows", serving.MaximumRows), ("max-pixels", serving.Limits.Pixels),
        })
        {
            Expect(value >= 1, $"--{name} is {value}; expected at least 1.");
        }

        Expect(serving.MaximumPasses >= 1, $"--max-passes must be at least 1.");
        Expect(serving.Limits.AnswerBytes >= 1, $"--max-answer-mb must be at least 1.");
        Expect(serving.QueueBytes >= 1, $"--queue-mb must be at least 1.");
        Expect(serving.BodyBytes >= 1, $"--body-mb must be at least 1.");
        return problems;
    }

    /// <summary>What is wrong with a text that is no address.</summary>
    internal static string NoAddress(string text) => $"--address is '{text}'; expected an IP address, 'localhost', or '*' for all.";

    /// <summary>Why a file or folder cannot be read; null where it can.</summary>
    private static string? Unreadable(string path)
    {
        try
        {
            if (Directory.Exists(path)) _ = Directory.EnumerateFileSystemEntries(path).Any();
            else File.OpenRead(path).Dispose();
            return null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return error.Message;
        }
    }
}
