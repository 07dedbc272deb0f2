using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.RandomNumbers;

namespace DiffeoNN.Onnx.Tests.Imaging;

/// <summary>Laws of resizing.</summary>
public sealed class ImageResamplerTests
{
    private static readonly (int Height, int Width)[] Sizes = [(1, 1), (2, 3), (7, 5), (16, 16), (23, 64), (128, 100)];

    [Test]
    public void Resize_OfConstant_IsConstant([ValueSource(nameof(Sizes))] (int Height, int Width) size)
    {
        var image = new ImageBuffer(2, 31, 27);
        image.Data.Fill(0.37f);
        Assert.That(ImageResampler.Resize(image, size.Height, size.Width).Data.ToArray(), Has.All.EqualTo(0.37f).Within(1e-6));
    }

    [Test]
    public void Resize_OfLinearRamp_IsTheSameRamp([ValueSource(nameof(Sizes))] (int Height, int Width) size)
    {
        var (height, width) = size;
        var resized = ImageResampler.Resize(Ramp(31, 27), height, width);
        if (height == 1) Assert.That(resized.Data[0], Is.EqualTo(0.5).Within(1e-6), "one pixel stands for the whole axis");
        else
            for (var i = 0; i < resized.Data.Length; i++)
                Assert.That(resized.Data[i], Is.EqualTo(Ramp(height, width).Data[i]).Within(1e-6));
    }

    [Test]
    public void Resize_ToTheSameSize_IsACopy()
    {
        var image = Ramp(6, 5);
        var copy = ImageResampler.Resize(image, 6, 5);
        Assert.That(copy, Is.Not.SameAs(image));
        Assert.That(copy.Data.ToArray(), Is.EqualTo(image.Data.ToArray()));
    }

    [Test]
    public void Resize_UpAndBackDownToEveryOtherPixel_IsExact()
    {
        var image = Noise(9, 9);
        var doubled = ImageResampler.Resize(image, 17, 17);
        for (var row = 0; row < 9; row++)
            for (var column = 0; column < 9; column++)
                Assert.That(doubled[0, 2 * row, 2 * column], Is.EqualTo(image[0, row, column]).Within(1e-6));
    }

    [Test]
    public void Resize_OfStripesToHalf_RemovesThemInside()
    {
        var image = new ImageBuffer(1, 129, 129);
        for (var row = 0; row < 129; row++)
            for (var column = 0; column < 129; column++)
                image[0, row, column] = column % 2;
        var half = ImageResampler.Resize(image, 65, 65);
        for (var column = 1; column < 64; column++) Assert.That(half[0, 30, column], Is.EqualTo(0.5).Within(1e-6), "aliased");
    }

    [Test]
    public void Resize_StaysWithinTheRangeOfTheImage([ValueSource(nameof(Sizes))] (int Height, int Width) size)
    {
        var values = ImageResampler.Resize(Noise(61, 53), size.Height, size.Width).Data.ToArray();
        Assert.That(values.Min(), Is.GreaterThanOrEqualTo(-1e-6));
        Assert.That(values.Max(), Is.LessThanOrEqualTo(1 + 1e-6));
    }

    private static ImageBuffer Ramp(int height, int width)
    {
        var image = new ImageBuffer(1, height, width);
        for (var row = 0; row < height; row++)
            for (var column = 0; column < width; column++)
                image[0, row, column] = ((row / (float)Math.Max(1, height - 1)) + (column / (float)Math.Max(1, width - 1))) / 2;
        return image;
    }

    private static ImageBuffer Noise(int height, int width)
    {
        var image = new ImageBuffer(1, height, width);
        var random = new SplitMix64(5);
        foreach (ref var value in image.Data) value = random.Next() % 2;
        return image;
    }
}
