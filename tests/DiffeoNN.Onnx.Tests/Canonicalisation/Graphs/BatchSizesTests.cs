using DiffeoNN.Onnx.Canonicalisation.Graphs;

namespace DiffeoNN.Onnx.Tests.Canonicalisation.Graphs;

public sealed class BatchSizesTests
{
    [TestCase(1, 1)]
    [TestCase(2, 2)]
    [TestCase(3, 4)]
    [TestCase(64, 64)]
    [TestCase(65, 128)]
    [TestCase(128, 128)]
    [TestCase(129, 256)]
    [TestCase(256, 256)]
    [TestCase(257, 384)]
    public void Fixed_ArePowersOfTwoAndMultiplesOf128(int rows, int size)
    {
        Assert.That(BatchSizes.Fixed.Above(rows), Is.EqualTo(size));
        Assert.That(BatchSizes.AsTheyCome.Above(rows), Is.EqualTo(rows));
    }

    [TestCase(16, 9, false)]
    [TestCase(16, 8, true)]
    [TestCase(256, 129, false)]
    [TestCase(256, 128, true)]
    public void Fixed_ShrinkToASmallerSize(int rows, int active, bool shrinks) =>
        Assert.That(BatchSizes.Fixed.IsWorthShrinking(rows, active), Is.EqualTo(shrinks));

    [TestCase(32, 29, false)]
    [TestCase(32, 28, true)]
    [TestCase(7, 7, false)]
    [TestCase(7, 6, true)]
    public void AsTheyCome_ShrinkByAnEighthAndOneAtLeast(int rows, int active, bool shrinks) =>
        Assert.That(BatchSizes.AsTheyCome.IsWorthShrinking(rows, active), Is.EqualTo(shrinks));
}
