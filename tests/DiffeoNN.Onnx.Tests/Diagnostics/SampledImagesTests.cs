using DiffeoNN.Onnx.Diagnostics;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Tests.Diagnostics;

/// <summary>Images that a network is tried on, of whatever size.</summary>
[TestFixture]
internal sealed class SampledImagesTests
{
    [Test]
    public void LargeImages_AreReadAnewAndSmallOnesKept()
    {
        using var folder = new TemporaryFolder();
        ImageFile.WritePng(folder["small.png"], new ImageBuffer(1, 20, 30));
        ImageFile.WritePng(folder["large.png"], new ImageBuffer(1, 2100, 2000));
        var images = WiringImages.Read(folder.Path, out var bad);
        Assert.That(bad, Is.Empty);
        Assert.That(images.Select(image => (image.Height, image.Width)), Is.EqualTo(new[] { (2100, 2000), (20, 30) }));
        ImageBuffer large = images[0], small = images[1];
        Assert.That(images[0], Is.Not.SameAs(large));
        Assert.That(images[1], Is.SameAs(small));

        File.Delete(folder["small.png"]);
        File.Delete(folder["large.png"]);
        Assert.That(images[1].Width, Is.EqualTo(30));
        Assert.That(() => images[0], Throws.TypeOf<ImageException>());
    }
}
