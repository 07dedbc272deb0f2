using DiffeoNN.Onnx.Serving.Protocol;

namespace DiffeoNN.Onnx.Serving.Tests;

/// <summary>What becomes of models whose folder changes while they are served.</summary>
public sealed class FolderLookTests
{
    [Test]
    public async Task ABrokenHighestVersion_LeavesTheHighestThatLoads_AndIsToldOf()
    {
        await using var repository = new FakeRepository();
        repository.Write("a", 1, "a1");
        repository.Write("a", 2, "a2");
        repository.Write("a", 3, "broken");
        await repository.Models.LoadAllAsync();
        Assert.That(repository.Models.IsReady);
        Assert.That(FakeModel.LabelOf(await repository.Ask("a")), Is.EqualTo("a2"));
        Assert.That(repository.Index(), Is.EqualTo(new[]
        {
            "a 1 Unavailable", "a 2 Ready The highest version that loads: 3 does not.", "a 3 Failed The file is broken, as it says.",
        }));
    }

    [Test]
    public async Task Look_LoadsWhatIsNewOrHasChanged_AndUnloadsWhatIsGone()
    {
        await using var repository = new FakeRepository();
        Assert.That(await repository.Look(), Is.False);
        Assert.That(repository.Models.IsReady, Is.False);

        repository.Write("a", 1, "a1");
        Assert.That(await repository.Look());
        Assert.That(repository.Models.IsReady);
        Assert.That(FakeModel.LabelOf(await repository.Ask("a")), Is.EqualTo("a1"));
        Assert.That(await repository.Look(), Is.False, "nothing has changed");

        repository.Write("a", 2, "a2");
        repository.Write("b", 1, "b1");
        Assert.That(await repository.Look());
        Assert.That(FakeModel.LabelOf(await repository.Ask("a")) + FakeModel.LabelOf(await repository.Ask("b")), Is.EqualTo("a2b1"));

        repository.Write("b", 1, "b1 anew");
        Assert.That(await repository.Look());
        Assert.That(FakeModel.LabelOf(await repository.Ask("b")), Is.EqualTo("b1 anew"));

        repository.Delete("a", "2");
        Assert.That(await repository.Look());
        Assert.That(FakeModel.LabelOf(await repository.Ask("a")), Is.EqualTo("a1"));

        repository.Delete("a");
        Assert.That(await repository.Look());
        Assert.That(() => repository.Ask("a"), Throws.TypeOf<ProtocolException>().With.Message.EqualTo("There is no model 'a'."));
        Assert.That(() => repository.Index(), Is.EqualTo(new[] { "b 1 Ready" }).After(5000, 5));
        repository.Delete("b");
        Assert.That(await repository.Look());
        Assert.That(repository.Models.Unready, Is.EqualTo("the folder of its models holds none"));
    }

    [Test]
    public async Task WhatDidNotLoad_IsTriedAgainWhenItHasChanged_AndNotBefore()
    {
        await using var repository = new FakeRepository();
        repository.Write("a", 1, "broken");
        Assert.That(await repository.Look());
        Assert.That(await repository.Look(), Is.False);
        Assert.That(repository.Index(), Is.EqualTo(new[] { "a 1 Failed The file is broken, as it says." }));
        // As a copy goes on.
        repository.Write("a", 1, "whole at last");
        Assert.That(await repository.Look());
        Assert.That(FakeModel.LabelOf(await repository.Ask("a")), Is.EqualTo("whole at last"));

        repository.Write("a", 2, "broken");
        Assert.That(await repository.Look());
        Assert.That(await repository.Look(), Is.False);
        Assert.That(FakeModel.LabelOf(await repository.Ask("a")), Is.EqualTo("whole at last"));
        Assert.That(repository.Opened, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task WhatClientsHaveDone_IsNotUndone()
    {
        await using var repository = new FakeRepository();
        repository.Write("a", 1, "a1");
        repository.Write("a", 2, "a2");
        repository.Write("b", 1, "b1");
        await repository.Look();
        await repository.Models.LoadAsync("a", "1");
        await repository.Models.UnloadAsync("b");
        repository.Write("a", 3, "a3");
        repository.Write("b", 2, "b2");
        Assert.That(await repository.Look(), Is.False);
        Assert.That(FakeModel.LabelOf(await repository.Ask("a")), Is.EqualTo("a1"));
        Assert.That(repository.Models.Takes("b"), Is.False);
        await repository.Models.LoadAsync("a");
        repository.Write("a", 4, "a4");
        Assert.That(await repository.Look());
        Assert.That(FakeModel.LabelOf(await repository.Ask("a")), Is.EqualTo("a4"));
    }

    [Test]
    public async Task ALook_DoesNotWaitForRequestsInFlight()
    {
        await using var repository = new FakeRepository();
        repository.Write("a", 1, "a1");
        await repository.Look();
        var gate = new TaskCompletionSource();
        repository.Opened[0].Gate = gate.Task;
        var inFlight = repository.Ask("a");
        repository.Delete("a");
        Assert.That(await repository.Look());
        Assert.That(repository.Opened[0].IsDisposed, Is.False);
        gate.SetResult();
        Assert.That(FakeModel.LabelOf(await inFlight), Is.EqualTo("a1"));
        Assert.That(() => repository.Opened[0].IsDisposed, Is.True.After(5000, 5));
    }
}
