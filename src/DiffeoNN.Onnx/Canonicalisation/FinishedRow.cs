namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>A row that has left a <see cref="CanonicalisationBatch"/>; owns its result.</summary>
public sealed class FinishedRow : IDisposable
{
    internal FinishedRow(long id, RowOutcome outcome, int steps, CanonicalisationResult? result, Exception? error) =>
        (Id, Outcome, Steps, Result, Error) = (id, outcome, steps, result, error);

    /// <summary>What <see cref="CanonicalisationBatch.Join"/> returned.</summary>
    public long Id { get; }

    /// <summary>How it left.</summary>
    public RowOutcome Outcome { get; }

    /// <summary>Updates taken.</summary>
    public int Steps { get; }

    /// <summary>A batch of the one image; null where the outcome says that there is none. Times that the row shared with others count in
    /// full.</summary>
    public CanonicalisationResult? Result { get; }

    /// <summary>Why there is no result: of <see cref="RowOutcome.Failed"/> what was thrown, of others the matching exception; else null.
    /// </summary>
    public Exception? Error { get; }

    /// <inheritdoc/>
    public void Dispose() => Result?.Dispose();
}
