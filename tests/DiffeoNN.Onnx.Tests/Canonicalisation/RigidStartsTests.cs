using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Fields;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Canonicalisation;

public sealed class RigidStartsTests
{
    [TestCase(5, 7)]
    [TestCase(2, 9)]
    [TestCase(6, 2)]
    public void Velocity_IsTheGeneratorAtEveryNode(int height, int width)
    {
        using var scope = torch.NewDisposeScope();
        var grid = new SamplingGrid(40, 64);
        var v = RigidStarts.Velocity(grid, 35, 1.2, height, width);
        // Half a side is 1 along x and 39/63 along y.
        var (stretch, angle) = (-Math.Log(1.2), 35 * Math.PI / 180);
        Assert.That(v.shape, Is.EqualTo(new long[] { 1, 2, height, width }));
        for (var row = 0; row < height; row++)
        {
            for (var column = 0; column < width; column++)
            {
                var (x, y) = (-1 + (2.0 * column / (width - 1)), 39 / 63.0 * (-1 + (2.0 * row / (height - 1))));
                Assert.That(v[0, 0, row, column].item<float>(), Is.EqualTo((stretch * x) - (angle * y)).Within(1e-6));
                Assert.That(v[0, 1, row, column].item<float>(), Is.EqualTo((angle * x) + (stretch * y)).Within(1e-6));
            }
        }
    }

    [TestCase(0)]
    [TestCase(-1)]
    [TestCase(double.NaN)]
    [TestCase(double.PositiveInfinity)]
    public void Velocity_OfAScaleThatIsNone_IsRefused(double scale) => Assert.That(
        () => RigidStarts.Velocity(new SamplingGrid(8, 8), 0, scale),
        Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.StartsWith("A scale must be positive."));

    [TestCase(1, 4)]
    [TestCase(4, 1)]
    public void Velocity_OnALatticeOfOneLine_IsRefused(int height, int width) => Assert.That(
        () => RigidStarts.Velocity(new SamplingGrid(8, 8), 0, 1, height, width), Throws.InstanceOf<ArgumentOutOfRangeException>());
}
