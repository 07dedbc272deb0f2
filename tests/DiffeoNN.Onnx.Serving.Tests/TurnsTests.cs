using DiffeoNN.Onnx.Serving.Repository;

namespace DiffeoNN.Onnx.Serving.Tests;

/// <summary>Requests to a plain model take turns.</summary>
public sealed class TurnsTests
{
    [Test]
    public async Task Priority_DecidesWhoIsNext()
    {
        var turns = new Turns(10);
        var first = await turns.TakeAsync(100, default);
        var usual = turns.TakeAsync(100, default).AsTask();
        var urgent = turns.TakeAsync(1, default).AsTask();
        first.Dispose();
        (await urgent).Dispose();
        (await usual).Dispose();
        Assert.That(turns.IsTaken, Is.False);
    }

    [Test]
    public async Task WhoWaitsLong_OvertakesTheUrgent()
    {
        var turns = new Turns(10);
        var first = await turns.TakeAsync(1, default);
        // Four steps of priority are four tenths of a second.
        var patient = turns.TakeAsync(5, default).AsTask();
        await Task.Delay(600);
        var urgent = turns.TakeAsync(1, default).AsTask();
        first.Dispose();
        using (await patient) Assert.That(urgent.IsCompleted, Is.False);
        (await urgent).Dispose();
    }
}
