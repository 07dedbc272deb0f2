using DiffeoNN.Onnx.Serving.Options;
using System.Collections.Concurrent;
using DiffeoNN.Onnx.Serving.Protocol;
using DiffeoNN.Onnx.Serving.Scheduling;

namespace DiffeoNN.Onnx.Serving.Repository;

/// <summary>The models of a folder: which there are, which take requests, and their exchange while requests run.</summary>
/// <remarks>Of each model one version takes requests: the highest that loads, or the one that was asked for when it was loaded. A new one
/// is loaded beside it and takes its place when it is warm; requests in flight end where they began. One that does not load changes
/// nothing.
/// </remarks>
public sealed class ModelRepository : IAsyncDisposable
{
    private readonly string _folder;
    private readonly Func<ModelSource, IServedModel> _open;
    private readonly ConcurrentDictionary<string, ModelEntry> _models = new(StringComparer.Ordinal);
    private readonly DeviceThread? _thread;
    private volatile bool _isLoaded;
    private volatile bool _isLoading;
    private volatile string? _lack;
    private volatile bool _isClosed;
    private volatile bool _isDraining;
    private volatile bool _isResponsive = true;

    /// <summary>A repository whose models are bundles and ONNX files.</summary>
    /// <param name="folder">See <see cref="ModelFolder"/>.</param>
    /// <param name="options">Defaults if null.</param>
    public ModelRepository(string folder, ServingOptions? options = null)
        : this(folder, options, new DeviceThread())
    {
    }

    private ModelRepository(string folder, ServingOptions? options, DeviceThread thread)
        : this(folder, source => source.IsBundle
            ? BundleModel.Load(source.Path, options, source.Name, thread)
            : PlainModel.Load(source.Path, options))
    {
        _thread = thread;
        if (options is not null) Bodies = new BodyBudget(options.BodyBytes);
    }

    /// <summary>A repository whose models somebody else loads.</summary>
    /// <param name="folder">See <see cref="ModelFolder"/>.</param>
    /// <param name="open">Loads a version; what it throws is the reason that the index tells.</param>
    public ModelRepository(string folder, Func<ModelSource, IServedModel> open)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(open);
        (_folder, _open) = (folder, open);
    }

    /// <summary>Whether all models that there were at the start have been loaded, as far as they can, and the end has not begun. Where
    /// there is none, or none of them could be loaded, as on a machine whose GPU does not work, it is not ready until one is; where clients
    /// have unloaded all, it is.</summary>
    public bool IsReady => Unready is null;

    /// <summary>Why it is not ready; null where it is.</summary>
    internal string? Unready => (_isClosed || _isDraining, _isLoaded, IsResponsive) switch
    {
        (true, _, _) => "it is about to end",
        (_, false, _) => "its models are being loaded",
        (_, _, false) => "its models do not answer, see the log",
        _ => _lack,
    };

    /// <summary>Which models are missing that keep it from being ready; null for none.</summary>
    internal string? Lack => _lack;

    /// <summary>Whether it is ready though no model takes requests: clients have unloaded them.</summary>
    internal bool IsEmptied => IsReady && _models.Values.All(model => model.Current is null);

    /// <summary>Whether it loads no more.</summary>
    internal bool IsEnding => _isClosed || _isDraining;

    /// <summary>Why the folder could not be read when it was looked at last; null where it could.</summary>
    internal string? Unreadable { get; private set; }

    /// <summary>Is told what becomes of models, on any thread.</summary>
    internal Action<ModelEvent> Told { get; set; } = _ => { };

    /// <summary>Whether all models that there were at the start have been loaded, as far as they can.</summary>
    internal bool IsLoaded => _isLoaded;

    /// <summary>Whether the device works; a server that watches it says so.</summary>
    internal bool IsResponsive
    {
        get => _isResponsive;
        set => _isResponsive = value;
    }

    /// <summary>What bodies of requests hold.</summary>
    internal BodyBudget Bodies { get; } = new(new ServingOptions().BodyBytes);

    /// <summary>How long the device's thread has been at the same piece of work.</summary>
    internal TimeSpan Silence => _thread?.Silence ?? TimeSpan.Zero;

    /// <summary>Tries whether all models still work.</summary>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>What keeps one from working, null if nothing does.</returns>
    internal async Task<string?> CheckAsync(CancellationToken cancellationToken)
    {
        foreach (var model in _models.Values)
        {
            if (model.Current is not { } current || !current.TryEnter()) continue;
            try
            {
                await current.Model.CheckAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (Exception error) when (error is not ProtocolException { Kind: ErrorKind.Busy })
            {
                return $"model '{model.Name}': {ErrorTexts.OneLine(error.Message)}";
            }
            finally
            {
                current.Leave();
            }
        }

        return null;
    }

    /// <summary>Says that it is not ready any more, and goes on taking requests.</summary>
    public void BeginDrain() => _isDraining = true;

    /// <summary>How much the versions that take requests have to do.</summary>
    public IReadOnlyList<ModelLoad> Pending() =>
        [.. _models.Values.Select(model => (model.Name, model.Current)).Where(model => model.Current is not null)
            .Select(model => new ModelLoad(
                model.Name, model.Current!.Version, model.Current.Model.Depth.Waiting, model.Current.Model.Depth.Running))
            .OrderBy(load => load.Name, StringComparer.Ordinal)];

    /// <summary>All versions and their states, by name and version.</summary>
    /// <param name="readyOnly">Whether to leave out those that take no requests.</param>
    public IReadOnlyList<ModelStatus> Index(bool readyOnly = false)
    {
        var sources = Sources();
        var found = sources.Select(source => Status(source.Name, source.VersionName, source.Problem));
        // What was deleted while it is loaded is still there.
        var gone = _models.Values.SelectMany(model => model.Versions.Select(version => (model.Name, Version: version)))
            .Except(sources.Select(source => (source.Name, Version: source.VersionName)))
            .Select(pair => Status(pair.Name, pair.Version, null))
            .Where(status => status.State is not (ModelState.Unavailable or ModelState.Failed));
        return [.. found.Concat(gone).Where(status => !readyOnly || status.State == ModelState.Ready)
            .OrderBy(status => status.Name, StringComparer.Ordinal).ThenBy(status => long.Parse(status.Version))];
    }

    /// <summary>Loads the highest version of every model that loads; the index tells which did not.</summary>
    /// <param name="cancellationToken">Ends it.</param>
    public Task LoadAllAsync(CancellationToken cancellationToken = default) => LookAsync(isAnew: true, cancellationToken);

    /// <summary>Looks at the folder: loads what is new in it, or has changed, and unloads what is gone; what clients have loaded by its
    /// version, or unloaded, stays as it is.</summary>
    /// <param name="isAnew">Whether to load also what takes requests, or did not load before.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>Whether anything was done.</returns>
    internal async Task<bool> LookAsync(bool isAnew, CancellationToken cancellationToken)
    {
        _isLoading = isAnew;
        try
        {
            return await LookAtAllAsync(isAnew, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _isLoading = false;
        }
    }

    private async Task<bool> LookAtAllAsync(bool isAnew, CancellationToken cancellationToken)
    {
        var sources = TrySources(out var unreadable);
        Unreadable = unreadable;
        var isChanged = false;
        if (sources is not null)
        {
            foreach (var model in sources.GroupBy(source => source.Name))
            {
                var entry = EntryOf(model.Key);
                if (isAnew) entry.IsHeld = false;
                if (!entry.IsHeld)
                    isChanged |= await entry.LoadHighestAsync([.. model], isAnew, cancellationToken).ConfigureAwait(false);
            }

            foreach (var gone in _models.Values.Where(model => sources.All(source => source.Name != model.Name)))
            {
                gone.IsHeld = false;
                var end = await gone.LeaveAsync("It is not in the folder any more.", cancellationToken).ConfigureAwait(false);
                isChanged |= end is not null;
            }
        }

        _lack = _models.Values.Any(model => model.Current is not null || model.IsHeld) ? null
            : unreadable is not null ? $"the folder of its models cannot be read: {unreadable}"
            : sources!.Count == 0 ? "the folder of its models holds none"
            : "none of its models could be loaded, see the index";
        _isLoaded = true;
        return isChanged;
    }

    private IReadOnlyList<ModelSource>? TrySources(out string? problem)
    {
        try
        {
            problem = null;
            return ModelFolder.List(_folder);
        }
        catch (Exception error) when (ModelFolder.IsUnreadable(error))
        {
            problem = ErrorTexts.OneLine(error.Message);
            return null;
        }
    }

    private IReadOnlyList<ModelSource> Sources() => TrySources(out _) ?? [];

    private ModelEntry EntryOf(string name) => _models.GetOrAdd(name, name => new ModelEntry(
        name, _open, source => ModelFolder.PrintOf(source, _folder), () => _isClosed, happened => Told(happened)));

    /// <summary>Loads a model, or loads it anew.</summary>
    /// <param name="name">The model's name.</param>
    /// <param name="version">The version; the highest if null or empty.</param>
    /// <param name="cancellationToken">Ends it; what took requests goes on.</param>
    /// <exception cref="ProtocolException">There is no such version, or it does not load; what took requests goes on.</exception>
    public async Task LoadAsync(string name, string? version = null, CancellationToken cancellationToken = default)
    {
        var sources = Sources().Where(source => source.Name == name).ToList();
        var source = string.IsNullOrEmpty(version) ? sources.LastOrDefault() : sources.Find(source => source.VersionName == version);
        if (source is null) throw NotFound(name, version, [.. sources.Select(one => one.VersionName)]);
        var entry = EntryOf(name);
        await entry.LoadAsync(source, "", cancellationToken).ConfigureAwait(false);
        entry.IsHeld = !string.IsNullOrEmpty(version);
        _lack = null;
    }

    /// <summary>Takes a model out of service, when its requests in flight have ended.</summary>
    /// <param name="name">The model's name.</param>
    /// <param name="cancellationToken">Ends the waiting; the model takes no more requests in any case.</param>
    /// <exception cref="ProtocolException">No such model is loaded.</exception>
    public async Task UnloadAsync(string name, CancellationToken cancellationToken = default)
    {
        if (_models.TryGetValue(name, out var model) && model.Current is not null)
        {
            model.IsHeld = true;
            if (await model.UnloadAsync("A client unloaded it.", cancellationToken).ConfigureAwait(false)) return;
        }

        throw new ProtocolException(ErrorKind.NotFound, $"No model '{name}' is loaded.");
    }

    /// <summary>Whether a model takes requests.</summary>
    /// <param name="name">The model's name.</param>
    /// <param name="version">The version; whichever is served if null or empty.</param>
    public bool Takes(string name, string? version = null) =>
        !_isClosed && _models.TryGetValue(name, out var model) && model.Current is { } current
        && (string.IsNullOrEmpty(version) || current.Version == version);

    /// <summary>What a model says of itself.</summary>
    /// <param name="name">The model's name.</param>
    /// <param name="version">The version; whichever is served if null or empty.</param>
    /// <exception cref="ProtocolException">No such version takes requests.</exception>
    public ModelMetadata Metadata(string name, string? version = null)
    {
        var served = Enter(name, version);
        try
        {
            return served.Model.Metadata with { Name = name, Versions = [served.Version] };
        }
        finally
        {
            served.Leave();
        }
    }

    /// <summary>What versions have done since they were loaded.</summary>
    /// <param name="name">The model's name; all that are loaded if null or empty.</param>
    /// <param name="version">The version; whichever is served if null or empty.</param>
    /// <exception cref="ProtocolException">No such version takes requests.</exception>
    public IReadOnlyList<ModelStatistics> Statistics(string? name = null, string? version = null)
    {
        if (string.IsNullOrEmpty(name))
            return [.. _models.Values.Select(model => model.Current).OfType<ServedVersion>().Select(served => served.Statistics)
                .OrderBy(statistics => statistics.Name, StringComparer.Ordinal)];
        var served = Enter(name, version);
        served.Leave();
        return [served.Statistics];
    }

    /// <summary>Answers a request by the version that it names.</summary>
    /// <param name="request">What is asked.</param>
    /// <param name="cancellationToken">The sender is gone.</param>
    /// <exception cref="ProtocolException">Whatever the sender is to be told.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public async ValueTask<InferenceResponse> InferAsync(InferenceRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        var served = Enter(request.Model, request.Version);
        try
        {
            var response = await served.InferAsync(request, cancellationToken).ConfigureAwait(false);
            return response with { Model = request.Model, Version = served.Version, Id = request.Id };
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            throw ErrorTexts.Translate(error, request.Model);
        }
        finally
        {
            served.Leave();
        }
    }

    /// <summary>Takes no more requests, waits for those in flight, and unloads all models.</summary>
    public async ValueTask DisposeAsync()
    {
        _isClosed = true;
        await Task.WhenAll(_models.Values.Select(model => model.UnloadAsync("The server ends.", default))).ConfigureAwait(false);
        if (_thread is not null) await _thread.DisposeAsync().ConfigureAwait(false);
    }

    private ServedVersion Enter(string name, string? version)
    {
        if (_isClosed) throw new ProtocolException(ErrorKind.Unavailable, "The server is about to end and takes no more requests.");
        while (_models.TryGetValue(name, out var model))
        {
            if (model.Current is not { } current)
            {
                if (!string.IsNullOrEmpty(version) && !model.Versions.Contains(version)) break;
                // What was deleted since is no model any more.
                if (TrySources(out _) is { } there && there.All(source => source.Name != name)) break;
                throw NotReady(model, version);
            }

            if (!string.IsNullOrEmpty(version) && current.Version != version)
            {
                if (!model.Versions.Contains(version)) break;
                throw NotReady(model, version);
            }

            // False only where another took its place in this moment.
            if (current.TryEnter()) return current;
        }

        throw NotFound(name, version, [.. Sources().Where(source => source.Name == name).Select(one => one.VersionName)]);
    }

    private ModelStatus Status(string name, string version, string? problem)
    {
        var (state, reason) = _models.TryGetValue(name, out var model) ? model.StateOf(version) : (ModelState.Unavailable, "");
        return new ModelStatus(name, version, state, reason.Length > 0 ? reason : problem ?? "");
    }

    private static ProtocolException NotReady(ModelEntry model, string? version)
    {
        var states = model.Versions.Where(known => string.IsNullOrEmpty(version) || known == version).Select(known =>
        {
            var (state, reason) = model.StateOf(known);
            return $"version {known} is {state.ToString().ToLowerInvariant()}{(reason.Length > 0 ? $" ({reason})" : "")}";
        });
        return new ProtocolException(ErrorKind.Unavailable, $"Model '{model.Name}' takes no requests: {string.Join("; ", states)}.");
    }

    private ProtocolException NotFound(string name, string? version, IReadOnlyList<string> versions)
    {
        var known = string.Join(", ", versions);
        if (_isLoading && known.Length > 0 && (string.IsNullOrEmpty(version) || versions.Contains(version)))
            return new ProtocolException(ErrorKind.Unavailable, $"Model '{name}' is not loaded yet: the server is loading its models.");
        return new ProtocolException(ErrorKind.NotFound, (known.Length, string.IsNullOrEmpty(version)) switch
        {
            (0, _) when name.Length == 0 => "The request names no model.",
            (0, _) => $"There is no model '{StrictJson.Short(name)}'.",
            (_, true) => $"Model '{name}' is not loaded. Versions: {known}.",
            _ => $"Model '{name}' has no version '{StrictJson.Short(version!)}' that is loaded. Versions: {known}.",
        });
    }
}
