using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.RandomNumbers;

namespace DiffeoNN.Onnx.Tests.Deformations;

/// <summary>The generator against published and independently computed numbers.</summary>
public sealed class SplitMix64Tests
{
    [Test]
    public void Next_FromStateZero_GivesPublishedSequence()
    {
        var random = new SplitMix64(0);
        Assert.That(new[] { random.Next(), random.Next(), random.Next() },
            Is.EqualTo(new ulong[] { 0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F }));
    }

    [Test]
    public void ForItem_StartsAtMixedSeedPlusStride()
    {
        var start = unchecked(new SplitMix64(7).Next() + (3 * 0xD1342543DE82EF95));
        Assert.That(SplitMix64.ForItem(7, 3).Next(), Is.EqualTo(new SplitMix64(start).Next()));
    }

    [Test]
    public void Normal_HasMeanZeroAndVarianceOne()
    {
        var random = new SplitMix64(1);
        double sum = 0, squares = 0;
        const int count = 20000;
        for (var i = 0; i < count; i++)
        {
            var value = random.Normal();
            sum += value;
            squares += value * value;
        }

        Assert.That(sum / count, Is.EqualTo(0).Within(0.03));
        Assert.That(squares / count, Is.EqualTo(1).Within(0.04));
    }
}
