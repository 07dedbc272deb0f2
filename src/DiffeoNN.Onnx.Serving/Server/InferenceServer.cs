using System.Diagnostics;
using System.Net;
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
    private readonly List<string> _kinds = [];
    private readonly CancellationTokenSource _failed = new();
    private int _hasBegunToEnd;

    /// <summary>Sets a server up.</summary>
    /// <param name="options">Where it listens and what it serves.</param>
    /// <exception cref="ServerException">The options are wrong.</exception>
    public InferenceServer(ServerOptions options)
        : this(options, null)
    {
    }

    /// <summary>The same with models that somebody else loads; they are this object's from here on.</summary>
    internal InferenceServer(ServerOptions options, ModelRepository? models)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Problems() is { Count: > 0 } problems)
            throw new ServerException(string.Join(Environment.NewLine, problems));
        _options = options;
        var keys = options.KeyFile is { } file ? ApiKeys.Load(file) : null;
        _repository = models ?? new ModelRepository(options.Models, options.Serving);
        _meter = new RepositoryMeter(_repository, options.HasTritonMetrics);
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(Listen);
        Log(builder.Logging);
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = options.Grace);
        builder.Services.AddInferenceRpc(_repository, options.Serving);
        builder.Services.AddOpenTelemetry()
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

        var addresses = _application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.ToList();
        Uri? Of(string kind) => _kinds.IndexOf(kind) is >= 0 and var index
            ? new Uri(addresses[index].Replace("[::]", "localhost", StringComparison.Ordinal)) : null;
        Addresses = (Of("http"), Of("grpc"), Of("metrics"));
        ServerLog.Listening(_log, Addresses.Http, Addresses.Grpc, Addresses.Metrics);
        _ = Task.Run(() => LoadAsync(cancellationToken), CancellationToken.None);
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
        await _application.Services.GetRequiredService<LongCalls>().EndAsync(grace.Token).ConfigureAwait(false);
        await _application.StopAsync(grace.Token).ConfigureAwait(false);
        ServerLog.Ended(_log);
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

    private async Task LoadAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _repository.LoadAllAsync(cancellationToken).ConfigureAwait(false);
            foreach (var status in _repository.Index())
            {
                if (status.State == ModelState.Ready) ServerLog.Loaded(_log, status.Name, status.Version);
                else if (status.Reason.Length > 0) ServerLog.NotLoaded(_log, status.Name, status.Version, status.Reason);
            }

            if (_repository.IsReady) ServerLog.Ready(_log);
        }
        catch (OperationCanceledException)
        {
            // The server ends.
        }
        catch (Exception error)
        {
            ServerLog.LoadingFailed(_log, error);
        }
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
        : throw new ServerException($"--address is '{text}'; expected an IP address, 'localhost', or '*' for all.");

    private void Log(ILoggingBuilder logging)
    {
        logging.ClearProviders();
        if (_options.IsQuiet) return;
        if (_options.JsonLog) logging.AddJsonConsole(console => (console.IncludeScopes, console.UseUtcTimestamp) = (true, true));
        else logging.AddSimpleConsole(console => (console.SingleLine, console.TimestampFormat) = (true, "HH:mm:ss "));
        logging.AddFilter("Microsoft", LogLevel.Warning).AddFilter("Grpc", LogLevel.Error);
    }

    private void Map(ApiKeys? keys)
    {
        _application.Use(async (context, next) =>
        {
            // What is open to whoever reaches the port is metrics and nothing else.
            if (IsMetrics(context))
            {
                if (context.Request.Path == "/metrics") await next(context).ConfigureAwait(false);
                else await NotFound(context).ConfigureAwait(false);
                return;
            }

            if (keys is not null && !keys.Admits(context.Request))
            {
                await ApiKeys.Refuse(context).ConfigureAwait(false);
                return;
            }

            using (_log.BeginScope(new Dictionary<string, object> { ["request"] = context.TraceIdentifier }))
                await RequestLog.Run(_log, context, next).ConfigureAwait(false);
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

    private static Task NotFound(HttpContext context) => InferenceHttp.Send(context, 404, ProtocolJson.Error(
        $"There is no {context.Request.Method} {StrictJson.Short(context.Request.Path.Value ?? "")}."));

    private bool IsMetrics(HttpContext context) => Addresses.Metrics is { } metrics && context.Connection.LocalPort == metrics.Port;

    /// <summary>Signals are this server's to handle, which drains before it stops.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
