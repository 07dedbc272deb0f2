using System.Globalization;

namespace DiffeoNN.Onnx.Mutation;

/// <summary>Which tests reach which mutants, and how long they take.</summary>
internal sealed class Coverage
{
    private readonly Dictionary<int, TestCase> _tests = [];
    private readonly Dictionary<int, HashSet<int>> _testsOf = [];
    private readonly HashSet<int> _kept = [];

    /// <summary>Runs all tests twice.</summary>
    /// <exception cref="FormatException">The process died.</exception>
    public Coverage(WorkerProcess worker, IReadOnlyList<Mutant> mutants)
    {
        if (worker.Answer(TimeSpan.FromMinutes(2)) != "ready")
            throw new FormatException("The tests could not be loaded.");
        Dictionary<int, HashSet<int>> again = [];
        Cover(worker, _testsOf);
        Cover(worker, again);
        // What only the first run reaches is kept in static fields or caches from then on.
        foreach (var (mutant, tests) in _testsOf)
        {
            if (!again.TryGetValue(mutant, out var still) || !tests.IsSubsetOf(still))
                _kept.Add(mutant);
        }

        // What is reached while a type is initialised shows in all tests that touch the type.
        foreach (var type in mutants.GroupBy(mutant => mutant.Type))
        {
            HashSet<int> all = [.. type.SelectMany(mutant => _testsOf.TryGetValue(mutant.Id, out var tests) ? tests : [])];
            foreach (var mutant in type.Where(mutant => mutant.IsStatic))
                _testsOf[mutant.Id] = all;
        }
    }

    /// <summary>Tests that fail as it is, which are left out.</summary>
    public List<string> Failed { get; } = [];

    /// <summary>How many tests count.</summary>
    public int Count => _tests.Count;

    /// <summary>A test by its number.</summary>
    public TestCase Test(int number) => _tests[number];

    /// <summary>Whether tests keep what the mutant would change: they see it only in a process that had it from the start.</summary>
    public bool IsKept(Mutant mutant) => mutant.IsStatic || _kept.Contains(mutant.Id);

    /// <summary>Tests that reach a mutant, the fastest first.</summary>
    /// <param name="mutant">The mutant.</param>
    /// <param name="withFixtures">Whether other tests of the same fixtures count: what a fixture keeps in static fields is reached by
    /// the first of its tests only.</param>
    /// <param name="budget">Seconds.</param>
    public IReadOnlyList<TestCase> Of(Mutant mutant, bool withFixtures, double budget)
    {
        if (!_testsOf.TryGetValue(mutant.Id, out var numbers))
            return [];
        var tests = numbers.Where(_tests.ContainsKey).Select(number => _tests[number]);
        if (withFixtures)
        {
            HashSet<string> fixtures = [.. tests.Select(test => test.Fixture)];
            tests = _tests.Values.Where(test => fixtures.Contains(test.Fixture));
        }

        var sum = 0.0;
        return [.. tests.OrderBy(test => test.Seconds).ThenBy(test => test.Number).TakeWhile(test => (sum += test.Seconds) <= budget)];
    }

    private void Cover(WorkerProcess worker, Dictionary<int, HashSet<int>> testsOf)
    {
        worker.Ask("cover");
        string? answer;
        while ((answer = worker.Answer(TimeSpan.FromMinutes(5))) is not "done")
        {
            if (answer is null)
                throw new FormatException("The tests without a mutant did not end.");
            var parts = answer.Split(' ');
            var test = new TestCase(int.Parse(parts[1]), parts[4], double.Parse(parts[3], CultureInfo.InvariantCulture));
            if (parts[2] == "Failed")
            {
                if (!Failed.Contains(test.Name)) Failed.Add(test.Name);
                _tests.Remove(test.Number);
            }

            if (parts[2] != "Passed" || Failed.Contains(test.Name))
                continue;
            // The second time is that of a process that runs already, as it is when mutants are tried.
            _tests[test.Number] = test;
            foreach (var mutant in parts[5].Split(',', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse))
                (testsOf.TryGetValue(mutant, out var reaching) ? reaching : testsOf[mutant] = []).Add(test.Number);
        }
    }
}
