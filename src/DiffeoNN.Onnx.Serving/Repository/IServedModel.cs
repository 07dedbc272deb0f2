using DiffeoNN.Onnx.Serving.Protocol;

namespace DiffeoNN.Onnx.Serving.Repository;

/// <summary>A model that takes requests; disposed when the last request in flight has ended.</summary>
public interface IServedModel : IAsyncDisposable
{
    /// <summary>What it says of itself; name and versions are the repository's to say.</summary>
    ModelMetadata Metadata { get; }

    /// <summary>Images, or requests, that wait and that run.</summary>
    (int Waiting, int Running) Depth => (0, 0);

    /// <summary>Runs once before it counts as ready, so that the first request is no slower than others.</summary>
    /// <param name="cancellationToken">Ends it.</param>
    ValueTask WarmUpAsync(CancellationToken cancellationToken = default);

    /// <summary>Tries whether it still works, by a request of its own that gives way to others.</summary>
    /// <param name="cancellationToken">Ends it.</param>
    /// <remarks>Does nothing by default. Throws what keeps it from working.</remarks>
    ValueTask CheckAsync(CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

    /// <summary>Answers a request; any number at once.</summary>
    /// <param name="request">What is asked.</param>
    /// <param name="cancellationToken">The sender is gone.</param>
    /// <returns>The outputs asked for, in that order; model, version and id are the repository's to say.</returns>
    /// <exception cref="ProtocolException">The model does not take the request, or its time was up.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    ValueTask<InferenceResponse> InferAsync(InferenceRequest request, CancellationToken cancellationToken = default);
}
