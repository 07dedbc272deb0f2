using System.Collections.Concurrent;

namespace DiffeoNN.Onnx.Mutation;

/// <summary>Tries mutants on the tests that reach them.</summary>
internal sealed class Campaign(MutationOptions options, Workplace place, Coverage coverage)
{
    /// <summary>Tries all of them.</summary>
    /// <param name="mutants">Which.</param>
    /// <param name="tell">Told of each.</param>
    public IReadOnlyList<Verdict> Run(IReadOnlyList<Mutant> mutants, Action<Verdict> tell)
    {
        var waiting = new ConcurrentQueue<Mutant>(mutants);
        var verdicts = new ConcurrentBag<Verdict>();
        var threads = Enumerable.Range(0, options.Jobs).Select(_ => new Thread(() =>
        {
            WorkerProcess? worker = null;
            while (waiting.TryDequeue(out var mutant))
            {
                var verdict = Try(mutant, ref worker);
                verdicts.Add(verdict);
                lock (waiting) tell(verdict);
            }

            worker?.Dispose();
        })).ToArray();
        foreach (var thread in threads) thread.Start();
        foreach (var thread in threads) thread.Join();
        return [.. verdicts.OrderBy(verdict => verdict.Mutant.Id)];
    }

    private Verdict Try(Mutant mutant, ref WorkerProcess? worker)
    {
        var tests = coverage.Of(mutant, withFixtures: false, options.Budget);
        if (tests.Count == 0)
            return new Verdict(mutant, Outcome.NotReached, "no test reaches it");
        if (!mutant.IsStatic)
        {
            worker ??= Begin(-1);
            var (verdict, isSound) = TryIn(worker, mutant, tests);
            if (!isSound)
            {
                worker?.Dispose();
                worker = null;
            }

            if (verdict is { IsSeen: true } || (verdict is not null && !coverage.IsKept(mutant)))
                return verdict;
        }

        // What tests and caches keep was made without the mutant; a process of its own has it from the start.
        using var own = Begin(mutant.Id);
        var (last, _) = TryIn(own, mutant, coverage.Of(mutant, withFixtures: true, options.Budget), isOwn: true);
        return last ?? new Verdict(mutant, Outcome.TimedOut, "ended the process");
    }

    private WorkerProcess? Begin(int mutant)
    {
        var worker = new WorkerProcess(place, options.Tests, mutant);
        if (worker.Answer(TimeSpan.FromMinutes(1)) == "ready")
            return worker;
        worker.Dispose();
        return null;
    }

    /// <summary>Null where the process is to blame, and whether it can be used again.</summary>
    private (Verdict? Verdict, bool IsSound) TryIn(WorkerProcess? worker, Mutant mutant, IReadOnlyList<TestCase> tests, bool isOwn = false)
    {
        if (worker is null)
            return (null, false);
        var tried = 0;
        foreach (var part in Parts(tests))
        {
            worker.Ask($"{mutant.Id} {string.Join(' ', part.Select(test => test.Number))}");
            var answer = worker.Answer(TimeSpan.FromSeconds(20 + (8 * part.Sum(test => test.Seconds))));
            if (answer is null)
                return (new Verdict(mutant, Outcome.TimedOut, $"within {part[0].ShortName} and {part.Count - 1} more"), false);
            var words = answer.Split(' ');
            if (words[0] == "passed")
            {
                tried += part.Count;
                continue;
            }

            if (words[0] == "spoilt" && !isOwn)
                return (null, false);
            var test = int.Parse(words[1]) is >= 0 and var number ? coverage.Test(number).ShortName : "?";
            return (new Verdict(mutant, Outcome.Killed, test), words[0] == "failed");
        }

        return (new Verdict(mutant, Outcome.Survived, $"{tried} tests"), true);
    }

    /// <summary>Fast tests first: most mutants need no others.</summary>
    private static IEnumerable<IReadOnlyList<TestCase>> Parts(IReadOnlyList<TestCase> tests)
    {
        var (limit, sum) = (1.0, 0.0);
        List<TestCase> part = [];
        foreach (var test in tests)
        {
            part.Add(test);
            sum += test.Seconds;
            if (sum < limit)
                continue;
            yield return part;
            (part, sum, limit) = ([], 0, limit * 4);
        }

        if (part.Count > 0)
            yield return part;
    }
}
