using DiffeoNN.Onnx.Serving.Protocol;

namespace DiffeoNN.Onnx.Serving.Repository;

/// <summary>A model of the repository: the version that takes requests, and what became of the others.</summary>
/// <param name="name">Its name.</param>
/// <param name="isClosed">Whether the repository loads no more.</param>
internal sealed class ModelEntry(string name, Func<bool> isClosed)
{
    private readonly Lock _gate = new();
    private readonly Turns _changing = new(int.MaxValue);
    private readonly Dictionary<string, (ModelState State, string Reason)> _states = [];
    private ServedVersion? _current;

    /// <summary>Its name.</summary>
    public string Name => name;

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
    /// <param name="open">Loads it.</param>
    /// <param name="cancellationToken">Ends it; what took requests goes on.</param>
    /// <exception cref="ProtocolException">It does not load; what took requests goes on.</exception>
    public async Task LoadAsync(ModelSource source, Func<ModelSource, IServedModel> open, CancellationToken cancellationToken)
    {
        using var turn = await _changing.TakeAsync(0, cancellationToken).ConfigureAwait(false);
        // Asked within the turn: whoever closes the repository takes a turn of each model afterwards.
        if (isClosed()) throw new ProtocolException(ErrorKind.Unavailable, "The server is about to end and loads no more models.");
        var version = source.VersionName;
        var isReload = Current?.Version == version;
        if (!isReload) Say(version, ModelState.Loading, "");
        IServedModel model;
        try
        {
            model = await Open(source, open, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception error)
        {
            var reason = error is OperationCanceledException ? "Loading was cancelled." : ErrorTexts.OneLine(error.Message);
            // Where a version that works was to be loaded anew, it goes on, and the index tells what happened.
            Say(version, isReload ? ModelState.Ready : ModelState.Failed,
                isReload ? $"It was to be loaded anew, which failed; what was loaded before goes on: {reason}" : reason);
            if (error is OperationCanceledException) throw;
            throw new ProtocolException(ErrorKind.Invalid, $"Model '{name}', version {version}, does not load: {reason}", error);
        }

        ServedVersion? old;
        lock (_gate)
        {
            (old, _current) = (_current, new ServedVersion(name, version, model));
            _states[version] = (ModelState.Ready, "");
            if (old is not null && old.Version != version) _states[old.Version] = (ModelState.Unloading, "");
        }

        if (old is not null) _ = Retire(old);
    }

    /// <summary>Takes no more requests, and waits for those in flight.</summary>
    /// <returns>False where nothing was loaded.</returns>
    public async Task<bool> UnloadAsync(CancellationToken cancellationToken)
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

        if (old is null) return false;
        await Retire(old).WaitAsync(cancellationToken).ConfigureAwait(false);
        return true;
    }

    private static async Task<IServedModel> Open(
        ModelSource source, Func<ModelSource, IServedModel> open, CancellationToken cancellationToken)
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
