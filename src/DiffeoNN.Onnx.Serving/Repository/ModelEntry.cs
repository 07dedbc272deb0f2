using System.Diagnostics;
using DiffeoNN.Onnx.Serving.Protocol;

namespace DiffeoNN.Onnx.Serving.Repository;

/// <summary>A model of the repository: the version that takes requests, and what became of the others.</summary>
/// <param name="name">Its name.</param>
/// <param name="open">Loads a version.</param>
/// <param name="print">What a version's files look like; another text where they have changed.</param>
/// <param name="isClosed">Whether the repository loads no more.</param>
/// <param name="tell">Is told what happens.</param>
internal sealed class ModelEntry(
    string name, Func<ModelSource, IServedModel> open, Func<ModelSource, string> print, Func<bool> isClosed, Action<ModelEvent> tell)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private readonly Turns _changing = new(int.MaxValue);
    private readonly Dictionary<string, (ModelState State, string Reason)> _states = [];
    private readonly Dictionary<string, (string Print, long Time)> _failed = [];
    private ServedVersion? _current;
    private string _print = "";

    /// <summary>Its name.</summary>
    public string Name => name;

    /// <summary>Whether a client has loaded a version by its number, or unloaded the model: then what the folder holds does not change
    /// that.</summary>
    public bool IsHeld { get; set; }

    /// <summary>The version that takes requests; null for none.</summary>
    public ServedVersion? Current
    {
        get
        {
            lock (_gate) return _current;
        }
    }

    /// <summary>State and reason of a version.</summary>
    public (ModelState State, string Reason) StateOf(string version)
    {
        lock (_gate) return _states.GetValueOrDefault(version, (ModelState.Unavailable, ""));
    }

    /// <summary>Versions of which something was heard.</summary>
    public IReadOnlyList<string> Versions
    {
        get
        {
            lock (_gate) return [.. _states.Keys];
        }
    }

    /// <summary>Loads a version beside the one that takes requests, warms it, and puts it in its place.</summary>
    /// <param name="source">The version.</param>
    /// <param name="note">What else is to be said of it; empty for nothing.</param>
    /// <param name="cancellationToken">Ends it; what took requests goes on.</param>
    /// <exception cref="ProtocolException">It does not load; what took requests goes on.</exception>
    public async Task LoadAsync(ModelSource source, string note, CancellationToken cancellationToken)
    {
        using var turn = await _changing.TakeAsync(0, cancellationToken).ConfigureAwait(false);
        // Asked within the turn: whoever closes the repository takes a turn of each model afterwards.
        if (isClosed()) throw new ProtocolException(ErrorKind.Unavailable, "The server is about to end and loads no more models.");
        var version = source.VersionName;
        var goesOn = Current?.Version;
        var isReload = goesOn == version;
        if (!isReload) Say(version, ModelState.Loading, "");
        var begun = Stopwatch.GetTimestamp();
        // Taken before: what is written while it loads makes it another.
        var look = print(source);
        if (source.Problem is null) tell(new ModelEvent(ModelEventKind.Loading, name, version, source.Path));
        IServedModel model;
        try
        {
            model = await Open(source, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception error)
        {
            var reason = error is OperationCanceledException ? "Loading was cancelled." : ErrorTexts.OneLine(error.Message);
            // Where a version that works was to be loaded anew, it goes on, and the index tells what happened.
            Say(version, isReload ? ModelState.Ready : ModelState.Failed,
                isReload ? $"It was to be loaded anew, which failed; what was loaded before goes on: {reason}" : reason);
            lock (_gate) _failed[version] = (look, Stopwatch.GetTimestamp());
            var told = goesOn is null ? reason : $"{reason} Version {goesOn}{(isReload ? ", as it was loaded before," : "")} goes on.";
            tell(new ModelEvent(ModelEventKind.Failed, name, version, told, Stopwatch.GetElapsedTime(begun)));
            if (error is OperationCanceledException) throw;
            throw new ProtocolException(ErrorKind.Invalid, $"Model '{name}', version {version}, does not load: {reason}", error);
        }

        ServedVersion? old;
        lock (_gate)
        {
            (old, _current, _print) = (_current, new ServedVersion(name, version, model), look);
            _failed.Remove(version);
            _states[version] = (ModelState.Ready, note);
            if (old is not null && old.Version != version) _states[old.Version] = (ModelState.Unloading, "");
        }

        var place = old is null ? "" : $"It takes the place of version {old.Version}{(isReload ? ", loaded before" : "")}.";
        tell(new ModelEvent(
            ModelEventKind.Ready, name, version, string.Join(' ', new[] { note, place }.Where(text => text.Length > 0)),
            Stopwatch.GetElapsedTime(begun)));
        if (old is not null) _ = Retire(old);
    }

    /// <summary>Loads the highest version that loads. One that takes requests and is the highest goes on; so does one that is to be loaded
    /// anew and is not.</summary>
    /// <param name="sources">The versions that there are, rising; at least one.</param>
    /// <param name="isAnew">Whether to load also what takes requests or has failed, though its files have not changed.</param>
    /// <param name="cancellationToken">Ends it; what took requests goes on.</param>
    /// <returns>Whether anything was done.</returns>
    public async Task<bool> LoadHighestAsync(IReadOnlyList<ModelSource> sources, bool isAnew, CancellationToken cancellationToken)
    {
        var (failed, isChanged) = (new List<string>(), false);
        foreach (var source in sources.Reverse())
        {
            var (version, look) = (source.VersionName, print(source));
            if (!isAnew && IsAsLoaded(version, look)) return isChanged;
            var isKnown = !isAnew && HasFailed(version, look);
            if (!isKnown)
            {
                isChanged = true;
                try
                {
                    var note = failed.Count == 0 ? "" : $"The highest version that loads: {string.Join(", ", failed)} "
                        + $"{(failed.Count == 1 ? "does" : "do")} not.";
                    await LoadAsync(source, note, cancellationToken).ConfigureAwait(false);
                    return true;
                }
                catch (ProtocolException)
                {
                    // The index has the reason.
                }
            }

            if (Current?.Version == version) return isChanged;
            failed.Add(version);
        }

        if (Current is not { } current || sources.Any(source => source.VersionName == current.Version)) return isChanged;
        await LeaveAsync("Its folder is gone.", cancellationToken).ConfigureAwait(false);
        return true;
    }

    /// <summary>Takes no more requests, without waiting for those in flight.</summary>
    /// <returns>What ends with the last of them; null where nothing was loaded.</returns>
    public async Task<Task?> LeaveAsync(string reason, CancellationToken cancellationToken = default)
    {
        ServedVersion? old;
        using (await _changing.TakeAsync(0, cancellationToken).ConfigureAwait(false))
        {
            lock (_gate)
            {
                (old, _current) = (_current, null);
                if (old is not null) _states[old.Version] = (ModelState.Unloading, "");
            }
        }

        if (old is null) return null;
        if (!isClosed()) tell(new ModelEvent(ModelEventKind.Unloaded, name, old.Version, reason));
        return Retire(old);
    }

    /// <summary>Takes no more requests, and waits for those in flight.</summary>
    /// <returns>False where nothing was loaded.</returns>
    public async Task<bool> UnloadAsync(string reason, CancellationToken cancellationToken)
    {
        if (await LeaveAsync(reason, cancellationToken).ConfigureAwait(false) is not { } end) return false;
        await end.WaitAsync(cancellationToken).ConfigureAwait(false);
        return true;
    }

    private bool IsAsLoaded(string version, string look)
    {
        lock (_gate) return _current?.Version == version && _print == look;
    }

    /// <summary>Whether a version did not load and is not to be tried again yet: its files are as they were, and there is another, or it
    /// was a moment ago.</summary>
    private bool HasFailed(string version, string look)
    {
        lock (_gate)
        {
            return _failed.TryGetValue(version, out var failed) && failed.Print == look
                && (_current is not null || Stopwatch.GetElapsedTime(failed.Time) < Patience);
        }
    }

    private async Task<IServedModel> Open(ModelSource source, CancellationToken cancellationToken)
    {
        if (source.Problem is { } problem) throw new ProtocolException(ErrorKind.Invalid, problem);
        // Loading takes seconds and is synchronous.
        var model = await Task.Run(() => open(source), cancellationToken).ConfigureAwait(false);
        try
        {
            await model.WarmUpAsync(cancellationToken).ConfigureAwait(false);
            return model;
        }
        catch
        {
            await model.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private async Task Retire(ServedVersion old)
    {
        await old.RetireAsync().ConfigureAwait(false);
        lock (_gate)
        {
            // Meanwhile it may have been loaded anew.
            if (_states[old.Version].State == ModelState.Unloading) _states[old.Version] = (ModelState.Unavailable, "unloaded");
        }
    }

    private void Say(string version, ModelState state, string reason)
    {
        lock (_gate) _states[version] = (state, reason);
    }
}
