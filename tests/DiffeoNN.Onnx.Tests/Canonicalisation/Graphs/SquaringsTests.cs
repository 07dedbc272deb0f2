using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Canonicalisation.Graphs;
using DiffeoNN.Onnx.Composition;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Tests.Canonicalisation.Graphs;

public sealed class SquaringsTests
{
    private static readonly SearchSpec Options = new() { Squarings = 2 };

    [Test]
    public void Inputs_AreScalesAndTurnsOfEachRow()
    {
        using var squarings = new Squarings([0.1, 9, double.NaN, 3], Options);
        Assert.Multiple(() =>
        {
            Assert.That(squarings.Of, Is.EqualTo(new[] { 2, 5, 2, 3 }));
            Assert.That(squarings.Alive, Is.EqualTo(new[] { true, true, false, true }));
            Assert.That((squarings.Most, squarings.Optional), Is.EqualTo((5, 3)));
            Assert.That(squarings.Inputs, Has.Count.EqualTo(5));
            Assert.That(squarings.Inputs[SearchComposer.Scale].ToArray<float>(), Is.EqualTo(new[] { 1 / 4f, 1 / 32f, 1 / 4f, 1 / 8f }));
            Assert.That(squarings.Inputs[SearchComposer.Scale].Shape, Is.EqualTo(new long[] { 4, 1, 1 }));
            Assert.That(squarings.Inputs[SearchComposer.Alive].ToArray<bool>(), Is.EqualTo(squarings.Alive));
            Assert.That(squarings.Inputs[SearchComposer.Turn(0)].ToArray<bool>(), Is.EqualTo(new[] { false, true, false, false }));
            Assert.That(squarings.Inputs[SearchComposer.Turn(1)].ToArray<bool>(), Is.EqualTo(new[] { false, true, false, false }));
            Assert.That(squarings.Inputs[SearchComposer.Turn(2)].ToArray<bool>(), Is.EqualTo(new[] { false, true, false, true }));
        });
    }

    [Test]
    public void Rows_AreThoseChosenWithMoreSquarings()
    {
        using var squarings = new Squarings([0.1, 9, double.NaN, 3], Options);
        using var rows = squarings.Rows([3, 2, 3]);
        using var more = squarings.Rows([1, 0], 4);
        Assert.Multiple(() =>
        {
            Assert.That((rows.Of, rows.Alive), Is.EqualTo((new[] { 3, 2, 3 }, new[] { true, false, true })));
            Assert.That((rows.Most, rows.Optional), Is.EqualTo((3, 1)));
            Assert.That((more.Of, more.Most, more.Optional), Is.EqualTo((new[] { 9, 6 }, 9, 7)));
        });
    }

    [TestCase(true, 0.2, 15.0)]
    [TestCase(false, 0.2, 17.0)]
    [TestCase(false, 3.0, 15.0)]
    [TestCase(false, double.NaN, 15.0)]
    public void Suit_SpeedsThatAskForTheSame(bool expected, double first, double second)
    {
        using var squarings = new Squarings([0.1, 9], Options);
        Assert.That(squarings.Suit([first, second], Options), Is.EqualTo(expected));
        Assert.That(squarings.Suit([0.1], Options), Is.False, "another number of rows");
    }
}
