using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Inference;

/// <summary>Images of the bundle as a network with pixels of its own takes them, beside what is done to images that are read.</summary>
public sealed class NetworkPixelsTests
{
    [TestCase(3, 3, 9, 7)]
    [TestCase(3, 1, 9, 7)]
    [TestCase(1, 3, 9, 7)]
    [TestCase(1, 1, 9, 7)]
    [TestCase(2, 2, 9, 7)]
    [TestCase(3, 3, 24, 16)]
    [TestCase(3, 3, 12, 31)]
    [TestCase(3, 1, 12, 16)]
    [TestCase(1, 3, 12, 16)]
    public void Of_ABatch_IsWhatResizingAndConvertingEachImageGives(int from, int to, int height, int width)
    {
        using var scope = torch.NewDisposeScope();
        using var random = new torch.Generator(3);
        var images = torch.rand([2, from, 12, 16], generator: random);

        var found = new NetworkPixels(Format(Image(from), to, height, width), Image(from)).Of(images);

        Assert.That(found.shape, Is.EqualTo(new long[] { 2, to, height, width }));
        Assert.That(found.is_contiguous());
        var made = ImageTensor.FromTensor(found);
        foreach (var (image, i) in ImageTensor.FromTensor(images).Select((image, i) => (image, i)))
        {
            var expected = ImageResampler.Resize(image.WithChannels(to), height, width);
            Assert.That(made[i].Data.ToArray(), Is.EqualTo(expected.Data.ToArray()).Within(1e-5), $"image {i}");
        }
    }

    [Test]
    public void Of_ABatchThatFits_IsTheBatchItself()
    {
        using var images = torch.rand(2, 3, 12, 16);
        Assert.That(new NetworkPixels(Format(Image(3), 3, 12, 16), Image(3)).Of(images), Is.SameAs(images));
    }

    private static ImageSpec Image(int channels) => new()
    {
        Channels = channels, Height = 12, Width = 16, Mean = [.. new double[channels]],
        Std = [.. Enumerable.Repeat(1.0, channels)], Padding = ImagePadding.Border,
    };

    private static InputFormat Format(ImageSpec image, int channels, int height, int width) => InputFormat.Of(
        image,
        new InputSpec { Name = "x", Channels = channels, Height = height, Width = width },
        new OnnxValueInfo("x", OnnxElementType.Float, ["N", channels, height, width]));
}
