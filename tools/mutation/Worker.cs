using System.Globalization;
using System.Reflection;
using NUnit.Framework.Api;
using NUnit.Framework.Interfaces;
using NUnit.Framework.Internal;

namespace DiffeoNN.Onnx.Mutation;

/// <summary>The process that runs tests: reads a line for each run, writes a line for each answer.</summary>
/// <remarks>Requests: <c>cover</c>, or a mutant's number and the numbers of tests. Answers begin with <see cref="Mark"/>.</remarks>
internal sealed class Worker : ITestListener
{
    /// <summary>Answers begin so; whatever else is written belongs to tests.</summary>
    public const string Mark = "@@";

    private readonly NUnitTestAssemblyRunner _runner = new(new DefaultTestAssemblyBuilder());
    private readonly FieldInfo _active;
    private readonly byte[] _reached;
    private readonly TextWriter _answers = Console.Out;
    private readonly List<ITest> _tests = [];
    private HashSet<int> _ofFixture = [];
    private bool _covers;
    private (int Test, string Message)? _failed;
    private int _passed;

    /// <summary>Loads the tests that lie beside this program.</summary>
    /// <param name="folders">Folders whose tests count; empty for all.</param>
    /// <param name="mutant">The mutant that is on from the start, or -1.</param>
    public Worker(string[] folders, int mutant)
    {
        var library = Assembly.Load(MutantSwitch.Namespace).GetType($"{MutantSwitch.Namespace}.{MutantSwitch.Name}", true)!;
        (_active, _reached) = (library.GetField(MutantSwitch.Active)!, (byte[])library.GetField(MutantSwitch.Reached)!.GetValue(null)!);
        _active.SetValue(null, mutant);
        Console.SetOut(TextWriter.Null);
        var loaded = _runner.Load(
            Path.Combine(AppContext.BaseDirectory, $"{MutantSwitch.Namespace}.Tests.dll"),
            new Dictionary<string, object> { ["NumberOfTestWorkers"] = 0, ["WorkDirectory"] = Path.GetTempPath() });
        Collect(loaded, folders);
    }

    /// <summary>Answers until the input ends.</summary>
    public void Run()
    {
        Answer("ready");
        while (Console.In.ReadLine() is { } line)
        {
            var numbers = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (numbers[0] == "cover")
            {
                _covers = true;
                Try([.. Enumerable.Range(0, _tests.Count)]);
                _covers = false;
                Answer("done");
                continue;
            }

            var mutant = int.Parse(numbers[0]);
            _active.SetValue(null, mutant);
            Try([.. numbers[1..].Select(int.Parse)]);
            if (_failed is not { } failed)
            {
                Answer($"passed {_passed}");
                continue;
            }

            // Mutants may leave something behind that lets the next ones fail: then this process is of no more use.
            _active.SetValue(null, -1);
            Try([failed.Test]);
            Answer($"{(_failed is null ? "failed" : "spoilt")} {failed.Test} {failed.Message}");
        }
    }

    /// <inheritdoc/>
    public void TestStarted(ITest test)
    {
        if (!_covers)
            return;
        if (test.IsSuite)
            return;
        // What a fixture's set-up reaches counts for all its tests.
        _ofFixture.UnionWith(TakeReached());
    }

    /// <inheritdoc/>
    public void TestFinished(ITestResult result)
    {
        if (result.Test.IsSuite)
        {
            if (_covers)
                _ofFixture = [];
            if (result.ResultState is { Status: TestStatus.Failed, Site: FailureSite.SetUp or FailureSite.TearDown } && !_covers)
                _failed ??= (_tests.FindIndex(test => test.Id == FirstOf(result.Test).Id), Line(result.Message));
            return;
        }

        if (_covers)
        {
            var number = _tests.FindIndex(test => test.Id == result.Test.Id);
            HashSet<int> reached = [.. TakeReached(), .. _ofFixture];
            var name = result.Test.FullName.Replace(' ', '_');
            Answer(string.Create(CultureInfo.InvariantCulture,
                $"test {number} {result.ResultState.Status} {result.Duration} {name} {string.Join(',', reached)}"));
        }
        else if (result.ResultState.Status == TestStatus.Failed)
        {
            _failed ??= (_tests.FindIndex(test => test.Id == result.Test.Id), Line(result.Message));
            _runner.StopRun();
        }
        else
        {
            _passed++;
        }
    }

    /// <inheritdoc/>
    public void TestOutput(TestOutput output)
    {
    }

    /// <inheritdoc/>
    public void SendMessage(TestMessage message)
    {
    }

    private static ITest FirstOf(ITest test)
    {
        while (test.IsSuite && test.Tests.Count > 0) test = test.Tests[0];
        return test;
    }

    private static string Line(string? message) => string.Join(
        ' ', (message ?? "").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Take(30));

    private void Collect(ITest test, string[] folders)
    {
        if (!test.IsSuite)
        {
            var name = test.FullName;
            if (folders.Length == 0
                || folders.Any(folder => name.StartsWith($"{MutantSwitch.Namespace}.Tests.{folder}.", StringComparison.Ordinal)))
                _tests.Add(test);
        }

        foreach (var inner in test.Tests)
            Collect(inner, folders);
    }

    private void Try(int[] tests)
    {
        (_failed, _passed) = (null, 0);
        var ids = string.Concat(tests.Select(test => $"<id>{_tests[test].Id}</id>"));
        _runner.Run(this, TestFilter.FromXml($"<filter><or>{ids}</or></filter>"));
    }

    private List<int> TakeReached()
    {
        List<int> reached = [];
        for (var i = 0; i < _reached.Length; i++)
        {
            if (_reached[i] == 0)
                continue;
            reached.Add(i);
            _reached[i] = 0;
        }

        return reached;
    }

    private void Answer(string text)
    {
        _answers.WriteLine($"{Mark}{text}");
        _answers.Flush();
    }
}
