using System.Diagnostics;
using DiffeoNN.Onnx.Native;
using DiffeoNN.Onnx.Serving.Protocol;

namespace DiffeoNN.Onnx.Serving.Repository;

/// <summary>A version that is loaded, those who use it, and what it has done.</summary>
/// <param name="name">The model's name.</param>
/// <param name="version">The version as requests name it.</param>
/// <param name="model">Is this object's.</param>
internal sealed class ServedVersion(string name, string version, IServedModel model)
{
    private readonly Lock _gate = new();
    private readonly TaskCompletionSource _empty = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ModelStatistics _statistics = new() { Name = name, Version = version };
    private int _users;
    private bool _isRetired;

    /// <summary>The version as requests name it.</summary>
    public string Version => version;

    /// <summary>What takes requests.</summary>
    public IServedModel Model => model;

    /// <summary>What it has done.</summary>
    public ModelStatistics Statistics
    {
        get
        {
            lock (_gate) return _statistics;
        }
    }

    /// <summary>Keeps the model until <see cref="Leave"/>.</summary>
    /// <returns>False where it takes no more requests.</returns>
    public bool TryEnter()
    {
        lock (_gate)
        {
            if (_isRetired) return false;
            _users++;
            return true;
        }
    }

    /// <summary>Ends what <see cref="TryEnter"/> began.</summary>
    public void Leave()
    {
        lock (_gate)
        {
            if (--_users == 0 && _isRetired) _empty.TrySetResult();
        }
    }

    /// <summary>Takes no more requests, waits for those in flight, disposes the model, and gives back what it held.</summary>
    public async Task RetireAsync()
    {
        lock (_gate)
        {
            _isRetired = true;
            if (_users == 0) _empty.TrySetResult();
        }

        await _empty.Task.ConfigureAwait(false);
        await model.DisposeAsync().ConfigureAwait(false);
        FreedMemory.Return();
    }

    /// <summary>Answers a request and counts it.</summary>
    public async ValueTask<InferenceResponse> InferAsync(InferenceRequest request, CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();
        InferenceResponse? response = null;
        try
        {
            response = await model.InferAsync(request, cancellationToken).ConfigureAwait(false);
            return response;
        }
        finally
        {
            Count(Stopwatch.GetElapsedTime(start), response);
        }
    }

    private void Count(TimeSpan time, InferenceResponse? response)
    {
        lock (_gate)
        {
            _statistics = response is null ? _statistics with { Fail = _statistics.Fail.Plus(time) } : _statistics with
            {
                InferenceCount = _statistics.InferenceCount + response.Images,
                ExecutionCount = _statistics.ExecutionCount + 1,
                Success = _statistics.Success.Plus(time),
                Queue = _statistics.Queue.Plus(response.Waited),
                Infer = _statistics.Infer.Plus(time - response.Waited),
            };
            _statistics = _statistics with { LastInference = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() };
        }
    }
}
