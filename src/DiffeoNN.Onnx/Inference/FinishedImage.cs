using DiffeoNN.Onnx.Canonicalisation;

namespace DiffeoNN.Onnx.Inference;

/// <summary>An image that has left a <see cref="ContinuousBatch"/>; owns its result.</summary>
public sealed class FinishedImage : IDisposable
{
    internal FinishedImage(long id, RowOutcome outcome, int steps, EquivariantBatch? result, Exception? error) =>
        (Id, Outcome, Steps, Result, Error) = (id, outcome, steps, result, error);

    /// <summary>What <see cref="ContinuousBatch.Join"/> returned.</summary>
    public long Id { get; }

    /// <summary>How it left.</summary>
    public RowOutcome Outcome { get; }

    /// <summary>Steps of its search.</summary>
    public int Steps { get; }

    /// <summary>A batch of the one image; null where the outcome says that there is none.</summary>
    public EquivariantBatch? Result { get; }

    /// <summary>Why there is no result; else null.</summary>
    public Exception? Error { get; }

    /// <inheritdoc/>
    public void Dispose() => Result?.Dispose();
}
