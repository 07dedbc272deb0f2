using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Serving.Http;
using DiffeoNN.Onnx.Serving.Protocol;
using DiffeoNN.Onnx.Serving.Repository;
using DiffeoNN.Onnx.Serving.Rpc;
using DiffeoNN.Onnx.Serving.Scheduling;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace DiffeoNN.Onnx.Serving.Server;

/// <summary>A server: it is live at once, ready when its models are warm, and ends without dropping a request.</summary>
public sealed class InferenceServer : IAsyncDisposable
{
    private readonly ServerOptions _options;
    private readonly ModelRepository _repository;
    private readonly RepositoryMeter _meter;
    private readonly WebApplication _application;
    private readonly ILogger _log;
    private readonly RequestLog _requests;
    private readonly List<string> _kinds = [];
    private readonly CancellationTokenSource _failed = new();
    private volatile ServerInfo? _info;
    private int _hasBegunToEnd;

    /// <summary>Sets a server up.</summary>
    /// <param name="options">Where it listens and what it serves.</param>
    /// <exception cref="ServerException">The options are wrong.</exception>
    public InferenceServer(ServerOptions options)
        : this(options, null, null)
    {
    }

    /// <summary>The same with models that somebody else loads; they are this object's from here on; and who else is told what is
    /// logged.</summary>
    internal InferenceServer(ServerOptions options, ModelRepository? models, ILoggerProvider? listener = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Problems() is { Count: > 0 } problems)
            throw new ServerException(string.Join(Environment.NewLine, problems));
        _options = options;
        var keys = options.KeyFile is { } file ? ApiKeys.Load(file) : null;
        _repository = models ?? new ModelRepository(options.Models, options.Serving);
        _meter = new RepositoryMeter(_repository, options.HasTritonMetrics, () => _info);
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(Listen);
        ServerLog.Configure(builder.Logging, options);
        if (listener is not null) builder.Logging.AddProvider(listener);
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = options.Grace);
        builder.Services.AddInferenceRpc(_repository, options.Serving);
        builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService(
                // Said by whoever runs several, as for every program.
                Environment.GetEnvironmentVariable("OTEL_SERVICE_NAME") is { Length: > 0 } name ? name : "diffeonn",
                serviceVersion: ServerInfo.Version, autoGenerateServiceInstanceId: false))
            .WithMetrics(metrics => metrics
                .AddMeter(ServingMeter.Name, RepositoryMeter.Name, ModelTelemetry.Name)
                .AddPrometheusExporter())
            .WithTracing(tracing =>
            {
                tracing.AddSource(ModelTelemetry.Name).AddAspNetCoreInstrumentation();
                // The exporter's own variables say where to, as they do for every program.
                if (Environment.GetEnvironmentVariable("OTEL_EXPORTER_OTLP_ENDPOINT") is { Length: > 0 }) tracing.AddOtlpExporter();
            });
        _application = builder.Build();
        _log = _application.Logger;
        _requests = new RequestLog(_log);
        Map(keys);
    }

    /// <summary>Addresses of HTTP, gRPC and metrics, once it runs; null for what is off.</summary>
    public (Uri? Http, Uri? Grpc, Uri? Metrics) Addresses { get; private set; }

    /// <summary>Its models.</summary>
    public ModelRepository Repository => _repository;

    /// <summary>Runs until it is told to end, and ends in order: it says that it is not ready and goes on answering for
    /// <see cref="ServerOptions.Drain"/>, takes no more requests, and waits for those in flight.</summary>
    /// <param name="stopping">Tells it to end.</param>
    /// <exception cref="ServerException">A port is taken, or the device hangs.</exception>
    public async Task RunAsync(CancellationToken stopping = default)
    {
        await StartAsync(stopping).ConfigureAwait(false);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stopping, _failed.Token);
        using var term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => End(context, ending));
        using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context => End(context, ending));
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => End(context, ending));
        try
        {
            await Task.Delay(Timeout.Infinite, ending.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // Told to end.
        }

        await StopAsync().ConfigureAwait(false);
        if (_failed.IsCancellationRequested)
            throw new ServerException("The models do not work any more: the server ends, so that it is started anew.");
    }

    /// <summary>Begins to listen, and to load the models.</summary>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="ServerException">A port is taken.</exception>
    public async Task StartAsync(CancellationToken cancellationToken = default)
    {
        try
        {
            await _application.StartAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (IOException error)
        {
            throw new ServerException($"The server cannot listen: {ErrorTexts.OneLine(error.Message)}", error);
        }
        catch (SocketException error)
        {
            throw new ServerException(error.SocketErrorCode is SocketError.AddressNotAvailable or SocketError.AddressFamilyNotSupported
                ? $"--address is '{_options.Address}', which is no address of this machine."
                : $"The server cannot listen at '{_options.Address}', ports {_options.Http}, {_options.Grpc} and {_options.Metrics}: "
                    + ErrorTexts.OneLine(error.Message), error);
        }

        var addresses = _application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.ToList();
        Uri? Of(string kind) => _kinds.IndexOf(kind) is >= 0 and var index
            ? new Uri(addresses[index].Replace("[::]", "localhost", StringComparison.Ordinal)) : null;
        Addresses = (Of("http"), Of("grpc"), Of("metrics"));
        ServerLog.Listening(_log, Addresses.Http, Addresses.Grpc, Addresses.Metrics);
        var failed = _failed.Token;
        _ = Task.Run(() => LoadAsync(cancellationToken, failed), CancellationToken.None);
        if (_options.Watchdog > TimeSpan.Zero) _ = Task.Run(() => WatchAsync(_failed.Token), CancellationToken.None);
    }

    /// <summary>Ends in order, as <see cref="RunAsync"/> says.</summary>
    public async Task StopAsync()
    {
        if (Interlocked.Exchange(ref _hasBegunToEnd, 1) != 0) return;
        ServerLog.Draining(_log, _options.Drain.TotalSeconds);
        _repository.BeginDrain();
        if (_options.Drain > TimeSpan.Zero) await Task.Delay(_options.Drain).ConfigureAwait(false);
        // One time for all that is in flight, streams and requests.
        using var grace = new CancellationTokenSource(_options.Grace);
        using var cut = grace.Token.UnsafeRegister(_ => _requests.Cut(), null);
        await _application.Services.GetRequiredService<LongCalls>().EndAsync(grace.Token).ConfigureAwait(false);
        await _application.StopAsync(grace.Token).ConfigureAwait(false);
        if (_requests.CutOff > 0) ServerLog.EndedEarly(_log, _requests.CutOff);
        else ServerLog.Ended(_log);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _failed.CancelAsync().ConfigureAwait(false);
        await _application.DisposeAsync().ConfigureAwait(false);
        await _repository.DisposeAsync().ConfigureAwait(false);
        _meter.Dispose();
        _failed.Dispose();
    }

    private static void End(PosixSignalContext context, CancellationTokenSource ending)
    {
        context.Cancel = true;
        ending.Cancel();
    }

    private async Task LoadAsync(CancellationToken cancellationToken, CancellationToken failed)
    {
        try
        {
            var info = ServerInfo.Of(_options.Serving.Execution);
            _info = info;
            ServerLog.RunsOn(_log, ServerInfo.Version, info.Device, info.Threads, info.Reason, ServerInfo.Runtime, ServerInfo.Engine);
        }
        catch (Exception error)
        {
            ServerLog.NoInfo(_log, $"{error.GetType().Name}: {ErrorTexts.OneLine(error.Message)}");
        }

        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, failed);
        await new ModelKeeper(_repository, _options.Poll, _log).RunAsync(end.Token).ConfigureAwait(false);
    }

    /// <summary>A canary now and then, and the time that the device's thread has been at one piece of work: the server is not ready where
    /// either goes wrong, and ends where it stays so.</summary>
    private async Task WatchAsync(CancellationToken cancellationToken)
    {
        var pause = TimeSpan.FromTicks(Math.Clamp(_options.Watchdog.Ticks / 4, TimeSpan.TicksPerSecond / 5, TimeSpan.TicksPerSecond * 15));
        var wrongSince = (long?)null;
        while (!cancellationToken.IsCancellationRequested)
        {
            await Task.Delay(pause, CancellationToken.None).ConfigureAwait(false);
            var problem = await FindProblem(cancellationToken).ConfigureAwait(false);
            if (cancellationToken.IsCancellationRequested) return;
            if (problem is not null && _repository.IsResponsive) ServerLog.Unwell(_log, problem);
            if (problem is null && !_repository.IsResponsive) ServerLog.Well(_log);
            _repository.IsResponsive = problem is null;
            wrongSince = problem is null ? null : wrongSince ?? Stopwatch.GetTimestamp();
            if (wrongSince is { } since && Stopwatch.GetElapsedTime(since) > _options.Watchdog)
            {
                await _failed.CancelAsync().ConfigureAwait(false);
                return;
            }
        }
    }

    private async Task<string?> FindProblem(CancellationToken cancellationToken)
    {
        if (!_repository.IsLoaded) return null;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(_options.Watchdog);
        var canary = _repository.CheckAsync(limit.Token);
        // A device that hangs does not see the token either.
        var isBack = await Task.WhenAny(canary, Task.Delay(_options.Watchdog, limit.Token)).ConfigureAwait(false) == canary;
        // The pause may end before the limit does, which would not end any more once it is disposed, nor what waits for the canary.
        if (!isBack) await limit.CancelAsync().ConfigureAwait(false);
        if (_repository.Silence > _options.Watchdog || !isBack)
            return $"the device has been at one piece of work for {_repository.Silence.TotalSeconds:F0} s";
        return await canary.ConfigureAwait(false);
    }

    private void Listen(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(15);
        void Add(string kind, int port, HttpProtocols protocols, bool isOpen)
        {
            if (port < 0) return;
            _kinds.Add(kind);
            void Configure(ListenOptions listen)
            {
                listen.Protocols = protocols;
                if (!isOpen && _options.Certificate is not null) listen.UseHttps(https => Certificates.Configure(https, _options));
            }

            // Any free port cannot be taken on both of localhost's addresses.
            if (_options.Address == "*") kestrel.ListenAnyIP(port, Configure);
            else if (_options.Address == "localhost" && port > 0) kestrel.ListenLocalhost(port, Configure);
            else kestrel.Listen(_options.Address == "localhost" ? IPAddress.Loopback : AddressOf(_options.Address), port, Configure);
        }

        Add("http", _options.Http, _options.Certificate is null ? HttpProtocols.Http1 : HttpProtocols.Http1AndHttp2, isOpen: false);
        Add("grpc", _options.Grpc, HttpProtocols.Http2, isOpen: false);
        Add("metrics", _options.Metrics, HttpProtocols.Http1, isOpen: true);
    }

    private static IPAddress AddressOf(string text) => IPAddress.TryParse(text, out var address)
        ? address
        : throw new ServerException(ServerOptions.NoAddress(text));

    private void Map(ApiKeys? keys)
    {
        _application.Use(async (context, next) =>
        {
            // What is open to whoever reaches the port is metrics, and health for probes that have no key and no certificate.
            if (IsMetrics(context))
            {
                var path = context.Request.Path;
                if (path == "/v2/health/live" || path == "/v2/health/ready") await next(context).ConfigureAwait(false);
                else if (path == "/metrics") await LiveSeries.Run(context, next, _repository).ConfigureAwait(false);
                else await NotFound(context).ConfigureAwait(false);
                return;
            }

            await _requests.Run(context, keys is null || keys.Admits(context.Request) ? next : ApiKeys.Refuse).ConfigureAwait(false);
        });
        if (_options.Metrics >= 0)
        {
            _application.UseOpenTelemetryPrometheusScrapingEndpoint(context =>
                context.Request.Path == "/metrics" && IsMetrics(context));
        }

        _application.MapInferenceHttp(_repository, _options.Serving);
        _application.MapInferenceRpc();
        _application.MapInferencePage();
        // The usual pattern would leave out what looks like a file.
        _application.MapFallback("{**rest}", NotFound);
    }

    private static Task NotFound(HttpContext context)
    {
        var message = $"There is no {context.Request.Method} {StrictJson.Short(context.Request.Path.Value ?? "")}.";
        InferenceHttp.Note(context, message);
        return InferenceHttp.Send(context, 404, ProtocolJson.Error(message));
    }

    private bool IsMetrics(HttpContext context) => Addresses.Metrics is { } metrics && context.Connection.LocalPort == metrics.Port;

    /// <summary>Signals are this server's to handle, which drains before it stops.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
