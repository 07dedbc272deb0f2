using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Serving.Protocol;

namespace DiffeoNN.Onnx.Serving.Tests;

/// <summary>Versions come and go while requests run.</summary>
public sealed class ModelRepositoryTests
{
    [Test]
    public async Task UntilAllAreLoaded_ModelsThatAreThereAreNotMissing()
    {
        await using var repository = new FakeRepository();
        repository.Write("a", 3, "a3");
        repository.Write("b", 1, "b1");
        var warm = new TaskCompletionSource();
        repository.WarmUp = () => warm.Task;
        // As a server looks at the start.
        var loading = repository.Models.LookAsync(isAnew: true, default);
        foreach (var version in new[] { "", "1" })
        {
            Assert.That(() => repository.Ask("b", version),
                Refuses(ErrorKind.Unavailable, "Model 'b' is not loaded yet: the server is loading its models."));
        }

        Assert.That(() => repository.Ask("b", "2"),
            Refuses(ErrorKind.NotFound, "Model 'b' has no version '2' that is loaded. Versions: 1."));
        Assert.That(() => repository.Ask("c"), Refuses(ErrorKind.NotFound, "There is no model 'c'."));
        warm.SetResult();
        await loading;
        Assert.That((await repository.Ask("b")).Outputs, Is.Not.Empty);
    }

    [Test]
    public async Task LoadAll_LoadsTheHighestVersions_AndTellsWhatDidNotLoad()
    {
        await using var repository = new FakeRepository();
        repository.Write("a", 1, "a1");
        repository.Write("a", 2, "a2");
        repository.Write("b", 1, "broken");
        Assert.That(repository.Models.IsReady, Is.False);
        Assert.That(repository.Index(), Is.EqualTo(new[] { "a 1 Unavailable", "a 2 Unavailable", "b 1 Unavailable" }));

        await repository.Models.LoadAllAsync();

        Assert.That(repository.Models.IsReady);
        Assert.That(repository.Index(),
            Is.EqualTo(new[] { "a 1 Unavailable", "a 2 Ready", "b 1 Failed The file is broken, as it says." }));
        Assert.That(repository.Index(readyOnly: true), Is.EqualTo(new[] { "a 2 Ready" }));
        var answer = await repository.Ask("a");
        Assert.That((FakeModel.LabelOf(answer), answer.Model, answer.Version, answer.Id), Is.EqualTo(("a2", "a", "2", "i")));
        Assert.That(FakeModel.LabelOf(await repository.Ask("a", "2")), Is.EqualTo("a2"));
        Assert.That(repository.Models.Metadata("a").Versions, Is.EqualTo(new[] { "2" }));
    }

    [Test]
    public async Task AServerNoneOfWhoseModelsLoads_IsNotReadyUntilOneDoes()
    {
        await using var repository = new FakeRepository();
        await repository.Models.LoadAllAsync();
        Assert.That(repository.Models.IsReady, Is.False, "nothing is there");
        repository.Write("a", 1, "broken");
        repository.Write("b", 1, "broken");
        await repository.Models.LoadAllAsync();
        Assert.That(repository.Models.IsReady, Is.False);
        repository.Write("b", 2, "b2");
        await repository.Models.LoadAsync("b");
        Assert.That(repository.Models.IsReady);
    }

    [Test]
    public async Task Requests_ToWhatTakesNone_AreToldWhy()
    {
        await using var repository = new FakeRepository();
        repository.Write("a", 1, "a1");
        repository.Write("a", 2, "a2");
        repository.Write("b", 1, "broken");
        repository.Write("c", 1, "c1");
        await repository.Models.LoadAsync("a", "1");
        Assert.That(() => repository.Models.LoadAsync("b"), Throws.TypeOf<ProtocolException>()
            .With.Message.EqualTo("Model 'b', version 1, does not load: The file is broken, as it says."));
        Assert.That(() => repository.Models.LoadAsync("d"), Refuses(ErrorKind.NotFound, "There is no model 'd'."));
        Assert.That(() => repository.Models.LoadAsync("a", "7"),
            Refuses(ErrorKind.NotFound, "Model 'a' has no version '7' that is loaded. Versions: 1, 2."));

        Assert.That(() => repository.Ask("b"), Refuses(
            ErrorKind.Unavailable, "Model 'b' takes no requests: version 1 is failed (The file is broken, as it says.)."));
        Assert.That(() => repository.Ask("c"), Refuses(ErrorKind.NotFound, "Model 'c' is not loaded. Versions: 1."));
        Assert.That(() => repository.Ask("d"), Refuses(ErrorKind.NotFound, "There is no model 'd'."));
        Assert.That(() => repository.Ask("a", "2"),
            Refuses(ErrorKind.NotFound, "Model 'a' has no version '2' that is loaded. Versions: 1, 2."));
        Assert.That(FakeModel.LabelOf(await repository.Ask("a")), Is.EqualTo("a1"), "the version that was asked for");
        await repository.Models.UnloadAsync("a");
        Assert.That(() => repository.Ask("a"),
            Refuses(ErrorKind.Unavailable, "Model 'a' takes no requests: version 1 is unavailable (unloaded)."));
        Assert.That(() => repository.Models.UnloadAsync("a"), Refuses(ErrorKind.NotFound, "No model 'a' is loaded."));
    }

    [Test]
    public async Task ANewVersion_TakesItsPlace_AndRequestsInFlightKeepTheirs()
    {
        await using var repository = new FakeRepository();
        repository.Write("a", 1, "a1");
        await repository.Models.LoadAsync("a");
        var gate = new TaskCompletionSource();
        var old = repository.Opened[0];
        old.Gate = gate.Task;
        var inFlight = repository.Ask("a");
        Assert.That(old.Begun, Is.EqualTo(1));

        repository.Write("a", 2, "a2");
        await repository.Models.LoadAsync("a");

        Assert.That(FakeModel.LabelOf(await repository.Ask("a")), Is.EqualTo("a2"));
        Assert.That(repository.Index(), Is.EqualTo(new[] { "a 1 Unloading", "a 2 Ready" }));
        Assert.That((inFlight.IsCompleted, old.IsDisposed), Is.EqualTo((false, false)));
        gate.SetResult();
        Assert.That(FakeModel.LabelOf(await inFlight), Is.EqualTo("a1"));
        Assert.That(() => old.IsDisposed, Is.True.After(5000, 5));
        Assert.That(() => repository.Index()[0], Is.EqualTo("a 1 Unavailable unloaded").After(5000, 5));
        await repository.Models.LoadAsync("a", "1");
        Assert.That(FakeModel.LabelOf(await repository.Ask("a")), Is.EqualTo("a1"), "back to the old one");
    }

    [TestCase(1, "a 1 Ready It was to be loaded anew, which failed; what was loaded before goes on: The file is broken, as it says.")]
    [TestCase(2, "a 2 Failed The file is broken, as it says.")]
    public async Task ABrokenVersion_LeavesTheOldOneRunning(int version, string status)
    {
        await using var repository = new FakeRepository();
        repository.Write("a", 1, "a1");
        await repository.Models.LoadAsync("a");
        repository.Write("a", version, "broken");

        Assert.That(() => repository.Models.LoadAsync("a"), Throws.TypeOf<ProtocolException>());

        Assert.That(FakeModel.LabelOf(await repository.Ask("a")), Is.EqualTo("a1"));
        Assert.That(repository.Index(), Does.Contain(status));
        Assert.That(repository.Models.Takes("a"));
        repository.Write("a", version, "good");
        await repository.Models.LoadAsync("a");
        Assert.That(FakeModel.LabelOf(await repository.Ask("a")), Is.EqualTo("good"));
        Assert.That(repository.Index(), Does.Contain($"a {version} Ready"));
    }

    [Test]
    public async Task AVersionThatDoesNotGetWarm_IsDisposed_AndTakesNoRequests()
    {
        await using var repository = new FakeRepository { WarmUp = () => throw new InvalidOperationException("Too cold.") };
        repository.Write("a", 1, "a1");
        Assert.That(() => repository.Models.LoadAsync("a"), Throws.TypeOf<ProtocolException>().With.Message.Contains("Too cold."));
        Assert.That(repository.Opened[0].IsDisposed);
        Assert.That(repository.Models.Takes("a"), Is.False);
        Assert.That(repository.Index(), Is.EqualTo(new[] { "a 1 Failed Too cold." }));
    }

    [Test]
    public async Task WhileItLoads_TheIndexSaysSo_AndTheOldOneAnswers()
    {
        await using var repository = new FakeRepository();
        repository.Write("a", 1, "a1");
        await repository.Models.LoadAsync("a");
        var (warm, isAsked) = (new TaskCompletionSource(), new TaskCompletionSource());
        repository.WarmUp = () =>
        {
            isAsked.SetResult();
            return warm.Task;
        };
        repository.Write("a", 2, "a2");
        var loading = repository.Models.LoadAsync("a");
        await isAsked.Task;
        Assert.That(repository.Index(), Is.EqualTo(new[] { "a 1 Ready", "a 2 Loading" }));
        Assert.That(FakeModel.LabelOf(await repository.Ask("a")), Is.EqualTo("a1"));
        warm.SetResult();
        await loading;
        Assert.That(FakeModel.LabelOf(await repository.Ask("a")), Is.EqualTo("a2"));
    }

    [Test]
    public async Task Unload_WaitsForRequestsInFlight_AndTakesNoMore()
    {
        await using var repository = new FakeRepository();
        repository.Write("a", 1, "a1");
        await repository.Models.LoadAsync("a");
        var gate = new TaskCompletionSource();
        repository.Opened[0].Gate = gate.Task;
        var inFlight = repository.Ask("a");
        var unloading = repository.Models.UnloadAsync("a");
        Assert.That(() => repository.Ask("a"), Throws.TypeOf<ProtocolException>().With.Message.Contains("version 1 is unloading"));
        Assert.That(unloading.IsCompleted, Is.False);
        gate.SetResult();
        Assert.That(FakeModel.LabelOf(await inFlight), Is.EqualTo("a1"));
        await unloading;
        Assert.That(repository.Opened[0].IsDisposed);
    }

    [Test]
    public async Task ReloadsUnderLoad_FailNoRequest_AndDisposeEveryModelButTheLast()
    {
        await using var repository = new FakeRepository();
        repository.Write("a", 1, "a1");
        await repository.Models.LoadAsync("a");
        using var stop = new CancellationTokenSource();
        var answers = 0;
        var clients = Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                await repository.Ask("a");
                Interlocked.Increment(ref answers);
            }
        })).ToList();
        for (var i = 0; i < 100; i++)
        {
            await repository.Models.LoadAsync("a");
            await Task.Delay(1);
        }

        await stop.CancelAsync();
        await Task.WhenAll(clients);
        Assert.That(answers, Is.GreaterThan(100));
        Assert.That(repository.Opened, Has.Count.EqualTo(101));
        Assert.That(() => repository.Opened.Count(model => model.IsDisposed), Is.EqualTo(100).After(5000, 5));
        Assert.That(repository.Opened[^1].IsDisposed, Is.False);
    }

    [Test]
    public async Task Statistics_CountWhatHappened()
    {
        await using var repository = new FakeRepository();
        repository.Write("a", 1, "a1");
        repository.Write("b", 1, "b1");
        await repository.Models.LoadAllAsync();
        await repository.Ask("a");
        await repository.Ask("a");
        repository.Opened[0].Fault = new ImageException("No image.");
        Assert.That(() => repository.Ask("a"), Refuses(ErrorKind.Invalid, "Model 'a': No image."));
        repository.Opened[0].Fault = new InvalidOperationException("A fault.");
        Assert.That(() => repository.Ask("a"), Refuses(ErrorKind.Internal, "Model 'a': A fault."));

        var a = repository.Models.Statistics("a").Single();

        Assert.That((a.Name, a.Version, a.InferenceCount, a.ExecutionCount, a.Success.Count, a.Fail.Count, a.Queue.Count, a.Infer.Count),
            Is.EqualTo(("a", "1", 6, 2, 2, 2, 2, 2)));
        Assert.That(a.Success.Nanoseconds, Is.GreaterThan(0));
        Assert.That(DateTimeOffset.FromUnixTimeMilliseconds(a.LastInference),
            Is.EqualTo(DateTimeOffset.UtcNow).Within(TimeSpan.FromMinutes(1)));
        Assert.That(repository.Models.Statistics().Select(one => (one.Name, one.Success.Count)),
            Is.EqualTo(new[] { ("a", 2L), ("b", 0L) }));
    }

    [Test]
    public async Task TheEnd_WaitsForRequestsInFlight_AndRefusesOthers()
    {
        await using var repository = new FakeRepository();
        repository.Write("a", 1, "a1");
        await repository.Models.LoadAllAsync();
        var gate = new TaskCompletionSource();
        repository.Opened[0].Gate = gate.Task;
        var inFlight = repository.Ask("a");
        var end = repository.Models.DisposeAsync().AsTask();
        Assert.That((end.IsCompleted, repository.Models.IsReady, repository.Models.Takes("a")), Is.EqualTo((false, false, false)));
        Assert.That(() => repository.Ask("a"), Throws.TypeOf<ProtocolException>().With.Message.Contains("about to end"));
        Assert.That(() => repository.Models.LoadAsync("a"), Throws.TypeOf<ProtocolException>().With.Message.Contains("about to end"));
        gate.SetResult();
        Assert.That(FakeModel.LabelOf(await inFlight), Is.EqualTo("a1"));
        await end;
        Assert.That(repository.Opened[0].IsDisposed);
    }

    private static NUnit.Framework.Constraints.IResolveConstraint Refuses(ErrorKind kind, string message) =>
        Throws.TypeOf<ProtocolException>().With.Property(nameof(ProtocolException.Kind)).EqualTo(kind).And.Message.EqualTo(message);
}
