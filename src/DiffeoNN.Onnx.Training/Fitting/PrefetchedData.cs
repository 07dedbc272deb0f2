using DiffeoNN.Onnx.RandomNumbers;
using TorchSharp;

namespace DiffeoNN.Onnx.Training.Fitting;

/// <summary>Makes the data of the next step on a thread of its own while a step runs. The batches are those of the inner source.</summary>
/// <remarks>The inner source is called on one thread at a time, but not always on the same one.</remarks>
public sealed class PrefetchedData : ITrainingData, IDisposable
{
    private readonly ITrainingData _inner;
    private readonly ulong _seed;
    private (int Step, Task<IReadOnlyList<TrainingBatch>> Batches)? _next;
    private IReadOnlyList<TrainingBatch> _current = [];

    /// <summary>Wraps a source.</summary>
    /// <param name="inner">What makes the batches; it stays the caller's, and is disposed after this. All tensors of its
    /// batches are made for them, and are disposed here.</param>
    /// <param name="seed">The trainer's <see cref="TrainerOptions.Seed"/>: batches are drawn by it ahead of time.</param>
    public PrefetchedData(ITrainingData inner, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(inner);
        (_inner, _seed) = (inner, seed);
    }

    /// <inheritdoc/>
    /// <remarks>The tensors live until the next call.</remarks>
    public IReadOnlyList<TrainingBatch> Next(int step, SplitMix64 random)
    {
        if (_next is { } other && other.Step != step)
            Forget();
        var batches = (_next ?? (step, Start(step))).Batches;
        _next = null;
        Release(_current);
        _current = [];
        // An error of the source is thrown as it is.
        _current = batches.GetAwaiter().GetResult();
        _next = (step + 1, Start(step + 1));
        return _current;
    }

    /// <summary>Waits for the batch that is being made.</summary>
    public void Dispose()
    {
        Forget();
        Release(_current);
        _current = [];
    }

    private Task<IReadOnlyList<TrainingBatch>> Start(int step) => Task.Run(() =>
    {
        using var scope = torch.NewDisposeScope();
        var batches = _inner.Next(step, SplitMix64.ForItem(_seed, step));
        foreach (var tensor in batches.SelectMany(batch => batch.Data.Values))
            tensor.DetachFromDisposeScope();
        return batches;
    });

    private void Forget()
    {
        if (_next is { } next)
        {
            _next = null;
            try
            {
                Release(next.Batches.GetAwaiter().GetResult());
            }
            catch (Exception e) when (e is DiffeoException or TrainingException)
            {
                // Nobody asked for this batch.
            }
        }
    }

    private static void Release(IReadOnlyList<TrainingBatch> batches)
    {
        foreach (var tensor in batches.SelectMany(batch => batch.Data.Values))
            tensor.Dispose();
    }
}
