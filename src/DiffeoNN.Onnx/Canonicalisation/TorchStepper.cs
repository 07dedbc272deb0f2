using System.Diagnostics;
using System.Runtime.ExceptionServices;
using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>Steps searches whose fields libtorch computes. Images of one size whose searches minimise the same energy, and want the same
/// of it, are evaluated in one batch, unless the searches are to be apart and the energy is known not to keep images apart.</summary>
/// <param name="energy">What is minimised where a search says nothing else.</param>
/// <param name="apart">Whether a search's bits may not depend on others: its fields are then computed on one core, whoever is beside it.
/// </param>
/// <param name="refining">What is minimised where a search that another energy judges says nothing else; null for the same.</param>
internal sealed class TorchStepper(IEnergy energy, bool apart, IEnergy? refining = null) : ISearchStepper
{
    private readonly Lock _energies = new();
    private RowWorkers? _workers;

    /// <inheritdoc/>
    public ISearchRun Begin(
        SearchSpec options, torch.Tensor images, torch.Tensor? start, IEnergy? own = null, Func<bool>? isTimeUp = null)
    {
        if (apart && images.size(0) != 1)
            throw new ArgumentException($"{images.size(0)} images cannot be one search of its own; begin one for each.", nameof(images));
        if (apart)
            _workers ??= new RowWorkers(images.device, int.MaxValue, apart: true);
        CanonicalisationRun? run = null;
        var failure = Each([0], _ => run = new CanonicalisationRun(own ?? EnergyOf(options), options, images, start, isTimeUp))[0];
        if (failure is not null)
            ExceptionDispatchInfo.Throw(failure);
        return run!;
    }

    /// <inheritdoc/>
    public Exception?[] Step(IReadOnlyList<ISearchRun> runs, CancellationToken cancellationToken)
    {
        using var gradients = torch.enable_grad();
        Member[] members = [.. runs.Select(run => new Member((CanonicalisationRun)run, apart))];
        if (_workers is { } workers && members.Length > 1 && members.All(member => member.MayRunBesideOthers))
        {
            // A core takes whole steps of its own rows: it waits for no other between a step's parts, and its rows share runs.
            var cores = Math.Min(workers.Cores, members.Length);
            workers.Each(cores, core =>
            {
                Step([.. members.Where((_, i) => i % cores == core)], InTurn, cancellationToken);
                return [];
            });
        }
        else
        {
            Step(members, Each, cancellationToken);
        }

        return [.. members.Select(member => member.Failure)];
    }

    private IEnergy EnergyOf(SearchSpec options) => options.Judge is null ? energy : refining ?? energy;

    private static void Step(Member[] members, Func<Member[], Action<Member>, Exception?[]> each, CancellationToken cancellationToken)
    {
        Evaluate([.. members.Where(member => member.Run.NeedsInputs)], _ => false, run => [run.Inputs], (run, found) =>
            run.TakeInputs(found), cancellationToken);
        Member[] left = [.. members.Where(member => member.Failure is null)];
        var failures = each(left, member => member.Run.Advance());
        for (var i = 0; i < left.Length; i++)
            left[i].Failure = failures[i];
        Evaluate(
            [.. left.Where(member => member.Failure is null)], run => run.WantsGradient, run => run.Iterates, (run, found) =>
            run.Judge(found), cancellationToken);
    }

    /// <inheritdoc/>
    public (CanonicalisationResult? Result, Exception? Failure)[] Finish(
        IReadOnlyList<ISearchRun> runs, CancellationToken cancellationToken)
    {
        var results = new CanonicalisationResult?[runs.Count];
        var failures = Each(
            [.. Enumerable.Range(0, runs.Count)],
            i => results[i] = ((CanonicalisationRun)runs[i]).Finish(_energies, cancellationToken));
        if (cancellationToken.IsCancellationRequested && failures.Any(failure => failure is OperationCanceledException))
        {
            foreach (var result in results)
                result?.Dispose();
            cancellationToken.ThrowIfCancellationRequested();
        }

        return [.. results.Zip(failures)];
    }

    /// <inheritdoc/>
    public void Dispose() => _workers?.Dispose();

    private static Exception?[] InTurn<T>(T[] items, Action<T> work) => [.. items.Select(item => Failure(() => work(item)))];

    private Exception?[] Each<T>(T[] items, Action<T> work)
    {
        if (_workers is null)
            return InTurn(items, work);
        var failures = new Exception?[items.Length];
        _workers.Each(items.Length, i =>
        {
            failures[i] = Failure(() => work(items[i]));
            return [];
        });
        return failures;
    }

    private static Exception? Failure(Action work)
    {
        try
        {
            work();
            return null;
        }
        catch (Exception error)
        {
            return error;
        }
    }

    private static void Evaluate(
        Member[] members, Func<CanonicalisationRun, bool> withGradient, Func<CanonicalisationRun, torch.Tensor[]> images,
        Action<CanonicalisationRun, EnergyEvaluation> take, CancellationToken cancellationToken)
    {
        foreach (var group in members.GroupBy(member => (member.Run.Energy, withGradient(member.Run), Size(member.Run.Inputs))))
        {
            foreach (var together in group.First().MayShareRuns ? [[.. group]] : group.Chunk(1))
                EvaluateTogether(together, group.Key.Energy, group.Key.Item2, images, take, cancellationToken);
        }
    }

    private static void EvaluateTogether(
        Member[] members, IEnergy energy, bool withGradient, Func<CanonicalisationRun, torch.Tensor[]> images,
        Action<CanonicalisationRun, EnergyEvaluation> take, CancellationToken cancellationToken)
    {
        using var scope = torch.NewDisposeScope();
        EnergyEvaluation? all = null;
        try
        {
            torch.Tensor[][] parts = [.. members.Select(member => images(member.Run))];
            var begun = Stopwatch.GetTimestamp();
            torch.Tensor[] joined = [.. parts.SelectMany(part => part)];
            all = energy.Evaluate(joined.Length == 1 ? joined[0] : torch.cat(joined, 0), withGradient, cancellationToken);
            var ticks = Stopwatch.GetTimestamp() - begun;
            long first = 0;
            foreach (var (member, part) in members.Zip(parts))
            {
                var count = part.Sum(tensor => tensor.size(0));
                member.Run.Account(Stage.EnergyGradient, ticks);
                Take(member, first, count);
                first += count;
            }
        }
        catch (Exception error) when (!cancellationToken.IsCancellationRequested)
        {
            if (members.Length == 1)
                members[0].Failure = error;
            // One of them is to blame, and the others are not to suffer from it.
            foreach (var member in members.Length == 1 ? [] : members)
                EvaluateTogether([member], energy, withGradient, images, take, cancellationToken);
        }
        finally
        {
            all?.Dispose();
        }

        void Take(Member member, long first, long count)
        {
            using var own = new EnergyEvaluation(
                all!.Energy.narrow(0, first, count), all.Terms.narrow(0, first, count), all.Gradient?.narrow(0, first, count));
            try
            {
                take(member.Run, own);
            }
            catch (Exception error)
            {
                member.Failure = error;
            }
        }
    }

    private static (long, long, long) Size(torch.Tensor images) => (images.size(1), images.size(2), images.size(3));

    private sealed class Member(CanonicalisationRun run, bool apart)
    {
        public CanonicalisationRun Run => run;

        /// <summary>Whether others may have a run of the energy with it. A GPU keeps no bits apart, and is not worth using image by image.
        /// </summary>
        public bool MayShareRuns => !apart || IsOnGpu || run.Energy is not OnnxEnergy { KeepsImagesApart: false };

        /// <summary>Whether others may have runs of the energy at the same time: sessions of ONNX Runtime may.</summary>
        public bool MayRunBesideOthers => !IsOnGpu && run.Energy is OnnxEnergy { KeepsImagesApart: true };

        private bool IsOnGpu => run.Inputs.device_type != DeviceType.CPU;

        public Exception? Failure { get; set; }
    }
}
