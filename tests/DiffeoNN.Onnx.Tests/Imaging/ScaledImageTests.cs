using DiffeoNN.Onnx.Imaging;
using SkiaSharp;

namespace DiffeoNN.Onnx.Tests.Imaging;

/// <summary>Reading row by row gives what reading whole gives, and orientations are applied where that is asked for.</summary>
public sealed class ScaledImageTests
{
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void CreateFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void ReadScaled_IsReadConvertedAndResizedToTheLastBit([Values(1, 3)] int channels)
    {
        var picture = Colours(3, 53, 70);
        var grey = picture.WithChannels(1);
        Save("a.jpg", picture, SKEncodedImageFormat.Jpeg);
        Save("b.jpg", grey, SKEncodedImageFormat.Jpeg);
        Save("c.webp", picture, SKEncodedImageFormat.Webp);
        ImageFile.WritePng(_folder["d.png"], picture);
        ImageFile.WritePng(_folder["e.png"], grey);
        int[] samples = [.. Enumerable.Range(0, 60 * 41 * 4).Select(i => i * 37 % 65536)];
        File.WriteAllBytes(_folder["f.png"], PngBytes.Encode(60, 41, 6, 16, samples, interlaced: true));
        File.WriteAllBytes(_folder["g.png"], PngBytes.Encode(60, 41, 6, 16, samples));
        File.WriteAllBytes(
            _folder["h.tif"], new TiffBytes(60, 41, 3, 16, samples[..(60 * 41 * 3)]) { Compression = 8, RowsPerStrip = 7 }.Encode());
        foreach (var name in _folder.Files())
        {
            var (whole, size) = (ImageFile.Read(_folder[name]), (Height: 32, Width: 48));
            var scaled = ImageFile.ReadScaled(_folder[name], channels, size.Height, size.Width);
            Assert.That((scaled.Height, scaled.Width), Is.EqualTo((whole.Height, whole.Width)), name);
            Assert.That(
                scaled.Pixels.Data.ToArray(),
                Is.EqualTo(ImageResampler.Resize(whole.WithChannels(channels), size.Height, size.Width).Data.ToArray()), name);
            Assert.That(ImageFile.Check(_folder[name]), Is.EqualTo(new ImageFileInfo(whole.Channels, whole.Height, whole.Width)), name);
        }
    }

    [Test]
    public void Read_OfInterlacedPng_IsThatOfThePlainOne()
    {
        int[] samples = [.. Enumerable.Range(0, 61 * 43 * 3).Select(i => i * 37 % 256)];
        File.WriteAllBytes(_folder["a.png"], PngBytes.Encode(61, 43, 2, 8, samples));
        File.WriteAllBytes(_folder["b.png"], PngBytes.Encode(61, 43, 2, 8, samples, interlaced: true));
        Assert.That(ImageFile.Read(_folder["b.png"]).Data.ToArray(), Is.EqualTo(ImageFile.Read(_folder["a.png"]).Data.ToArray()));
    }

    // A 2x3 picture of the values 0 to 5 as whoever looks at it must see it, row by row.
    [TestCase(1, 2, "012345")]
    [TestCase(2, 2, "210543")]
    [TestCase(3, 2, "543210")]
    [TestCase(4, 2, "345012")]
    [TestCase(5, 3, "031425")]
    [TestCase(6, 3, "304152")]
    [TestCase(7, 3, "524130")]
    [TestCase(8, 3, "251403")]
    [TestCase(9, 2, "012345")]
    public void ReadOriented_TurnsAsExifSays(int orientation, int rows, string seen)
    {
        foreach (var little in new[] { true, false })
        {
            File.WriteAllBytes(
                _folder["a.png"], PngBytes.Encode(3, 2, 0, 8, [0, 1, 2, 3, 4, 5], exif: ExifBytes.Orientation(orientation, little)));
            var stored = ImageFile.Read(_folder["a.png"]);
            var image = ImageFile.ReadOriented(_folder["a.png"]);
            Assert.That(stored.Data.ToArray(), Is.EqualTo(new[] { 0, 1, 2, 3, 4, 5 }.Select(value => value / 255f)), "as stored");
            Assert.That(image.Height, Is.EqualTo(rows));
            Assert.That(string.Concat(image.Data.ToArray().Select(value => (int)Math.Round(value * 255))), Is.EqualTo(seen));
            var scaled = ImageFile.ReadScaled(_folder["a.png"], 1, 7, 4, orients: true);
            Assert.That((scaled.Height, scaled.Width), Is.EqualTo((image.Height, image.Width)));
            Assert.That(scaled.Pixels.Data.ToArray(), Is.EqualTo(ImageResampler.Resize(image, 7, 4).Data.ToArray()).Within(1e-7));
        }
    }

    [Test]
    public void Check_OfJpegAndOfBrokenExif_FindsTheOrientationOrNone()
    {
        Save("a.jpg", Colours(3, 16, 24), SKEncodedImageFormat.Jpeg);
        File.WriteAllBytes(_folder["b.jpg"], ExifBytes.InJpeg(File.ReadAllBytes(_folder["a.jpg"]), 6));
        Assert.That(ImageFile.Check(_folder["a.jpg"]).Orientation, Is.EqualTo(ImageOrientation.Upright));
        Assert.That(ImageFile.Check(_folder["b.jpg"]).Orientation, Is.EqualTo(ImageOrientation.QuarterTurnClockwise));
        var whole = ExifBytes.Orientation(6);
        for (var length = 0; length < 20; length++)
        {
            File.WriteAllBytes(_folder["c.png"], PngBytes.Encode(3, 2, 0, 8, [0, 1, 2, 3, 4, 5], exif: whole[..length]));
            Assert.That(ImageFile.Check(_folder["c.png"]).Orientation, Is.EqualTo(ImageOrientation.Upright));
        }
    }

    [Test]
    public void ReadScaled_OfALongThinImage_NeedsNoMemoryOfItsLength()
    {
        // Every row times the target's width would be 1.6 GB.
        var rows = 1_600_000;
        File.WriteAllBytes(
            _folder["a.tif"], new TiffBytes(2, rows, 1, 8, [.. Enumerable.Range(0, 2 * rows).Select(i => i % 2 * 255)]).Encode());
        var before = GC.GetTotalAllocatedBytes();
        var scaled = ImageFile.ReadScaled(_folder["a.tif"], 1, 128, 128);
        Assert.That(GC.GetTotalAllocatedBytes() - before, Is.LessThan(300_000_000));
        Assert.That(scaled.Pixels[0, 64, 0], Is.Zero.Within(1e-6));
        Assert.That(scaled.Pixels[0, 64, 127], Is.EqualTo(1).Within(1e-6));
    }

    [Test]
    public void Read_OfAPipe_IsRefusedAndDoesNotWait()
    {
        if (!OperatingSystem.IsLinux()) Assert.Ignore("Pipes with names are made by mkfifo.");
        Fifo.Make(_folder["a.png"]);
        Assert.That(() => ImageFile.Read(_folder["a.png"]), Throws.TypeOf<ImageException>().With.Message.Contains("no regular file"));
    }

    [Test]
    public void WritePng_OfTiles_WritesTheBytesOfTheWhole([Values(1, 3)] int channels)
    {
        var image = Colours(channels, 20, 30);
        ImageFile.WritePng(_folder["whole.png"], image);
        ImageBuffer Rows(int first, int count)
        {
            var tile = new ImageBuffer(channels, count, 30);
            for (var c = 0; c < channels; c++) image.Plane(c).Slice(first * 30, count * 30).CopyTo(tile.Plane(c));
            return tile;
        }

        ImageFile.WritePng(_folder["tiles.png"], 20, 30, [Rows(0, 7), Rows(7, 12), Rows(19, 1)]);
        Assert.That(File.ReadAllBytes(_folder["tiles.png"]), Is.EqualTo(File.ReadAllBytes(_folder["whole.png"])));
        Assert.That(() => ImageFile.WritePng(_folder["x.png"], 20, 30, [Rows(0, 7)]),
            Throws.ArgumentException.With.Message.Contains("7 rows"));
        Assert.That(() => ImageFile.WritePng(_folder["x.png"], 20, 31, [Rows(0, 7)]),
            Throws.ArgumentException.With.Message.Contains("does not fit"));
        var small = ImageResampler.Resize([Rows(0, 7), Rows(7, 13)], 20, 9, 11);
        Assert.That(small.Data.ToArray(), Is.EqualTo(ImageResampler.Resize(image, 9, 11).Data.ToArray()));
    }

    private static ImageBuffer Colours(int channels, int height, int width)
    {
        var image = new ImageBuffer(channels, height, width);
        for (var i = 0; i < image.Data.Length; i++) image.Data[i] = i * 7919 % 256 / 255f;
        return image;
    }

    private void Save(string name, ImageBuffer image, SKEncodedImageFormat format)
    {
        ImageFile.WritePng(_folder["temporary.png"], image);
        using (var bitmap = SKBitmap.Decode(_folder["temporary.png"]))
        using (var stream = File.Create(_folder[name]))
            bitmap.Encode(stream, format, 95);
        File.Delete(_folder["temporary.png"]);
    }
}
