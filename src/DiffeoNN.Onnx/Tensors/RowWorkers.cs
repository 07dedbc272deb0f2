using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using TorchSharp;

namespace DiffeoNN.Onnx.Tensors;

/// <summary>Work on the rows of a batch, row by row: on the CPU side by side on threads that have one core of libtorch's each,
/// on a GPU all at once.</summary>
/// <remarks>
/// libtorch cuts the work of one operation into pieces, which pays for large tensors only:
/// a batch of four fields of 128x128 took 1.3 times as long per field as one field alone. Whole rows side by side need no waiting between
/// operations and stay in a core's cache; and a row's bits depend on no other row. Threads sleep while there is no work.
/// </remarks>
internal sealed class RowWorkers : IDisposable
{
    private readonly BlockingCollection<Action> _work = [];
    private readonly List<Thread> _threads = [];
    private readonly bool _together;
    private readonly bool _apart;

    /// <param name="device">Where the rows are.</param>
    /// <param name="rows">How many rows there are at most.</param>
    /// <param name="apart">Whether a row by itself is worked on by one core, too, as it is beside others: libtorch adds numbers up in
    /// another order where it has several cores.</param>
    public RowWorkers(torch.Device device, int rows, bool apart = false)
    {
        _apart = apart;
        _together = device.type != DeviceType.CPU;
        var cores = torch.get_num_threads();
        if (_together || rows < 2 || cores < 2)
            return;
        using var ready = new CountdownEvent(Math.Min(cores, rows));
        for (var i = 0; i < ready.InitialCount; i++)
        {
            var thread = new Thread(() => Serve(ready)) { IsBackground = true, Name = "DiffeoNN rows" };
            thread.Start();
            _threads.Add(thread);
        }

        ready.Wait();
        // The number is a thread's own, but threads that come later begin with the one that was set last.
        torch.set_num_threads(cores);
    }

    /// <summary>How many parts are worked on at a time.</summary>
    public int Cores => Math.Max(1, _threads.Count);

    /// <summary>The rows as parts that are worked on by themselves.</summary>
    /// <param name="rows">How many.</param>
    /// <returns>First row and number of rows of each part.</returns>
    public (int First, int Count)[] Parts(int rows) => _together ? [(0, rows)] : [.. Enumerable.Range(0, rows).Select(row => (row, 1))];

    /// <summary>Does work for every part and waits for all of it.</summary>
    /// <param name="parts">How many.</param>
    /// <param name="work">Called with the number of a part, under the caller's gradient mode.
    /// Tensors that it returns leave its dispose scope and join the caller's.</param>
    /// <returns>What the work returned, part by part.</returns>
    /// <exception cref="Exception">The first that the work threw; the tensors of other parts are disposed of.</exception>
    public torch.Tensor[][] Each(int parts, Func<int, torch.Tensor[]> work)
    {
        var results = new torch.Tensor[parts][];
        var withGradient = torch.is_grad_enabled();
        ExceptionDispatchInfo? failure = null;
        void Do(int part)
        {
            try
            {
                using var mode = torch.set_grad_enabled(withGradient);
                using var scope = torch.NewDisposeScope();
                results[part] = [.. work(part).Select(tensor => tensor.DetachFromDisposeScope())];
            }
            catch (Exception e)
            {
                Interlocked.CompareExchange(ref failure, ExceptionDispatchInfo.Capture(e), null);
            }
        }

        if (_threads.Count == 0 || (parts < 2 && !_apart))
        {
            for (var part = 0; part < parts; part++)
                Do(part);
        }
        else
        {
            using var left = new CountdownEvent(parts);
            for (var part = 0; part < parts; part++)
            {
                var own = part;
                _work.Add(() =>
                {
                    Do(own);
                    left.Signal();
                });
            }

            left.Wait();
        }

        var tensors = results.Where(result => result is not null).SelectMany(result => result);
        if (failure is null)
        {
            if (torch.CurrentDisposeScope is { } scope)
                scope.Attach(tensors);
            return results;
        }

        foreach (var tensor in tensors)
            tensor.Dispose();
        failure.Throw();
        throw failure.SourceException;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _work.CompleteAdding();
        _threads.ForEach(thread => thread.Join());
        _work.Dispose();
    }

    private void Serve(CountdownEvent ready)
    {
        torch.set_num_threads(1);
        ready.Signal();
        foreach (var work in _work.GetConsumingEnumerable())
            work();
    }
}
