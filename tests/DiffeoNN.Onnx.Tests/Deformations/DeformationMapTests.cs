using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.RandomNumbers;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Deformations;

/// <summary>Applying maps to images.</summary>
public sealed class DeformationMapTests
{
    [Test]
    public void Apply_ByWholePixels_ShiftsImage()
    {
        var grid = new SamplingGrid(4, 6);
        var image = Noise(1, 4, 6, 1);
        var shifted = Shift(grid, 2, -1).Apply(image);
        for (var row = 0; row < 4; row++)
            for (var column = 0; column < 6; column++)
                Assert.That(shifted[0, row, column],
                    Is.EqualTo(column + 2 < 6 && row - 1 >= 0 ? image[0, row - 1, column + 2] : 0).Within(1e-6));
    }

    [Test]
    public void Apply_WithBorderPadding_RepeatsTheLastPixel()
    {
        var image = Noise(1, 4, 6, 2);
        var shifted = Shift(new SamplingGrid(4, 6), 9, 0).Apply(image, WarpPadding.Border);
        for (var row = 0; row < 4; row++) Assert.That(shifted[0, row, 0], Is.EqualTo(image[0, row, 5]).Within(1e-6));
    }

    [Test]
    public void Apply_AgreesWithTensorWarp([Values(WarpPadding.Zeros, WarpPadding.Border)] WarpPadding padding)
    {
        var image = Noise(3, 20, 28, 3);
        var map = Deformation.Create("tps-strong").Draw(new SamplingGrid(20, 28), 4);
        using var scope = torch.NewDisposeScope();
        var expected = ImageTensor.FromTensor(Warp.Apply(ImageTensor.ToTensor(image), map.ToTensor(), padding))[0];
        var actual = map.Apply(image, padding);
        for (var i = 0; i < actual.Data.Length; i++) Assert.That(actual.Data[i], Is.EqualTo(expected.Data[i]).Within(2e-5));
    }

    [Test]
    public void Apply_OfLabels_FallsAsTheWarpedMaskDoes(
        [Values("tps", "tps-strong", "svf", "twist", "none")] string family, [Range(1, 4)] int seed)
    {
        var grid = new SamplingGrid(23, 31);
        var map = Deformation.Create(family).Draw(grid, (ulong)seed);
        var random = new SplitMix64((ulong)seed);
        var labels = new LabelMap(23, 31, [.. Enumerable.Range(0, 23 * 31).Select(_ => (byte)(random.Next() % 2))]);
        Assert.That(map.Apply(labels).Labels.ToArray(), Is.EqualTo(LabelMap.FromImage(map.ApplyToMask(labels.ToImage())).Labels.ToArray()));
    }

    [Test]
    public void Apply_OfLabels_TakesTheLargestShare_TheLargerOfEquals_AndZeroOutside()
    {
        var grid = new SamplingGrid(2, 3);
        var labels = new LabelMap(2, 3, [1, 7, 4, 1, 7, 4]);
        Assert.That(Shift(grid, 0.4, 0).Apply(labels).Labels.ToArray(), Is.EqualTo(new byte[] { 1, 7, 4, 1, 7, 4 }));
        Assert.That(Shift(grid, 0.5, 0).Apply(labels).Labels.ToArray(), Is.EqualTo(new byte[] { 7, 7, 4, 7, 7, 4 }));
        Assert.That(Shift(grid, 0.6, 0).Apply(labels).Labels.ToArray(), Is.EqualTo(new byte[] { 7, 4, 0, 7, 4, 0 }));
    }

    [Test]
    public void ApplyToMask_GivesZerosAndOnes()
    {
        var mask = new ImageBuffer(1, 12, 12);
        for (var row = 3; row < 9; row++)
            for (var column = 3; column < 9; column++)
                mask[0, row, column] = 1;
        var values = Shift(new SamplingGrid(12, 12), 0.4, 0).ApplyToMask(mask).Data.ToArray();
        Assert.That(values, Has.All.EqualTo(0).Or.EqualTo(1));
        Assert.That(values.Sum(), Is.EqualTo(36));
    }

    [Test]
    public void Apply_ToOtherSize_IsRefused() => Assert.That(
        () => Shift(new SamplingGrid(4, 6), 0, 0).Apply(new ImageBuffer(1, 6, 4)),
        Throws.ArgumentException.With.Message.Contains("image is 4x6 pixels; the map is for 6x4."));

    [Test]
    public void ToTensor_KeepsValuesAndLeaksNothing()
    {
        var map = Deformation.Create("svf").Draw(new SamplingGrid(5, 7), 1);
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        using (var u = map.ToTensor(torch.ScalarType.Float64))
        {
            Assert.That(u.shape, Is.EqualTo(new long[] { 1, 2, 5, 7 }));
            Assert.That(u.data<double>().ToArray(), Is.EqualTo(map.U.ToArray()));
            Assert.That(DeformationMap.FromTensor(u).U.ToArray(), Is.EqualTo(map.U.ToArray()));
        }

        Assert.That(DisposeScopeManager.Statistics.ThreadTotalLiveCount, Is.EqualTo(before));
    }

    private static DeformationMap Shift(SamplingGrid grid, double columns, double rows)
    {
        var plane = grid.Height * grid.Width;
        var u = new double[2 * plane];
        Array.Fill(u, columns * grid.PixelSize, 0, plane);
        Array.Fill(u, rows * grid.PixelSize, plane, plane);
        return new DeformationMap(grid, u);
    }

    private static ImageBuffer Noise(int channels, int height, int width, ulong seed)
    {
        var random = new SplitMix64(seed);
        var image = new ImageBuffer(channels, height, width);
        foreach (ref var value in image.Data) value = (float)random.Uniform();
        return image;
    }
}
