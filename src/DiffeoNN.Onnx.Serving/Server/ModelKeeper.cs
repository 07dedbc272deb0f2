using DiffeoNN.Onnx.Serving.Protocol;
using DiffeoNN.Onnx.Serving.Repository;
using Microsoft.Extensions.Logging;

namespace DiffeoNN.Onnx.Serving.Server;

/// <summary>Loads a server's models, looks at their folder again where that is wanted, and logs what becomes of them.</summary>
/// <param name="repository">Whose models they are.</param>
/// <param name="poll">How often to look; zero for never, but while there are none.</param>
/// <param name="log">Is told what happens.</param>
internal sealed class ModelKeeper(ModelRepository repository, TimeSpan poll, ILogger log)
{
    // A folder that is filled after the start: there is no model yet, or the last came a moment ago.
    private static readonly TimeSpan Filling = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Quiet = TimeSpan.FromMinutes(1);

    private string? _told;

    /// <summary>Loads what there is, and goes on for as long as there is something to look for.</summary>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        repository.Told = Tell;
        var (isFirst, wasEmpty, changed) = (true, false, Environment.TickCount64);
        while (!repository.IsEnding)
        {
            try
            {
                var isChanged = await repository.LookAsync(isFirst, cancellationToken).ConfigureAwait(false);
                wasEmpty |= repository.Lack is not null;
                if (isChanged || repository.Lack is not null) changed = Environment.TickCount64;
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception error)
            {
                ServerLog.LookFailed(log, $"{error.GetType().Name}: {ErrorTexts.OneLine(error.Message)}");
                if (isFirst) (wasEmpty, changed) = (true, Environment.TickCount64);
            }

            isFirst = false;
            var isFilling = wasEmpty && Environment.TickCount64 - changed < Quiet.TotalMilliseconds;
            TellState();
            if (poll == TimeSpan.Zero && !isFilling) return;
            var pause = poll > TimeSpan.Zero && (!isFilling || poll < Filling) ? poll : Filling;
            await Task.Delay(pause, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (cancellationToken.IsCancellationRequested) return;
        }
    }

    private void TellState()
    {
        if (repository.IsEnding) return;
        var state = repository.Lack ?? "";
        var unreadable = repository.Unreadable;
        var told = $"{state} {unreadable}";
        if (told == _told) return;
        _told = told;
        if (state.Length > 0) ServerLog.NoModels(log, state, (poll > TimeSpan.Zero && poll < Filling ? poll : Filling).TotalSeconds);
        else if (unreadable is not null) ServerLog.LookFailed(log, unreadable);
        else ServerLog.Ready(log);
    }

    private void Tell(ModelEvent happened)
    {
        var (model, version, reason) = (happened.Model, happened.Version, RequestNotes.Clean(happened.Reason, 2000));
        var rest = reason.Length > 0 ? $": {reason}" : ".";
        var milliseconds = happened.Time.TotalMilliseconds;
        switch (happened.Kind)
        {
            case ModelEventKind.Loading:
                ServerLog.Loading(log, model, version, reason);
                break;
            case ModelEventKind.Ready:
                ServerLog.Loaded(log, model, version, milliseconds, rest);
                break;
            case ModelEventKind.Failed:
                ServerLog.NotLoaded(log, model, version, milliseconds, reason);
                break;
            default:
                ServerLog.Unloaded(log, model, version, reason);
                if (repository.IsEmptied) ServerLog.Emptied(log);
                break;
        }
    }
}
