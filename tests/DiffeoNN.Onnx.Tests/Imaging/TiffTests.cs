using System.Diagnostics;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Tests.Imaging;

/// <summary>Which TIFF files are read, to which values, and that no file brings the reader down.</summary>
public sealed class TiffTests
{
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void CreateFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void Read_OfEveryKind_GivesTheStoredValues(
        [Values(1, 3)] int samples, [Values(8, 16)] int bits, [Values(1, 5, 8, 32773, 32946)] int compression, [Values] bool big,
        [Values(0, 1, 2, 3)] int layout)
    {
        var tiff = Pattern(37, 29, samples, bits) with
        {
            Compression = compression,
            Big = big,
            Planar = layout == 2,
            RowsPerStrip = layout == 0 ? int.MaxValue : 7,
            Tile = layout == 3 ? (16, 32) : null,
            Predictor = layout == 1 && compression is 5 or 8 ? 2 : 1,
        };
        AssertReads(tiff, samples, value => value / (float)((1 << bits) - 1));
    }

    [Test]
    public void Read_OfWhiteIsZero_TurnsValuesRound() =>
        AssertReads(Pattern(5, 4, 1, 8) with { Photometric = 0 }, 1, value => (255 - value) / 255f);

    [Test]
    public void Read_WithOpacity_CompositesOverBlackAndLeavesOtherSamplesOut()
    {
        int[] values = [200, 100, 0, 51, 10, 20, 30, 255];
        var image = Read(new TiffBytes(2, 1, 4, 8, values) { More = [(338, 2)] });
        Assert.That(image.Data.ToArray(),
            Is.EqualTo(new[] { 200 / 255f * 0.2f, 10 / 255f, 100 / 255f * 0.2f, 20 / 255f, 0, 30 / 255f }).Within(1e-7));
        Assert.That(Read(new TiffBytes(2, 1, 4, 8, values)).Data[0], Is.EqualTo(200 / 255f), "a fourth sample of no known meaning");
    }

    [Test]
    public void Check_TellsPagesAndOrientation()
    {
        File.WriteAllBytes(_folder["a.tif"], (Pattern(6, 4, 1, 8) with { Pages = 3, More = [(274, 8)] }).Encode());
        var info = ImageFile.Check(_folder["a.tif"]);
        Assert.That(info, Is.EqualTo(new ImageFileInfo(1, 4, 6) { Pages = 3, Orientation = ImageOrientation.QuarterTurnAnticlockwise }));
    }

    [Test]
    public void Read_OfOtherKinds_SaysWhatIsRead()
    {
        AssertRefused(Pattern(4, 4, 1, 8) with { Photometric = 3 }, "palette");
        AssertRefused(Pattern(4, 4, 1, 8) with { Compression = 7 }, "compression is number 7");
        AssertRefused(Pattern(4, 4, 1, 8) with { More = [(339, 3)] }, "floating point");
        AssertRefused(Pattern(4, 4, 1, 8) with { More = [(339, 2)] }, "signed");
        AssertRefused(Pattern(4, 4, 1, 32), "32 bits a sample; of TIFF files 8 or 16 are read, so save it as PNG of 8 or 16 bits");
        AssertRefused(Pattern(4, 4, 1, 8) with { More = [(266, 2)] }, "reverse order");
        var file = Pattern(4, 4, 1, 8).Encode();
        file[2] = 43;
        AssertRefused(file, "BigTIFF");
    }

    [Test]
    public void Read_OfSizesThatTheFileCannotHold_IsRefusedBeforeMemoryIsTaken()
    {
        AssertRefused(Pattern(4, 4, 1, 8) with { More = [(256, 9000), (257, 9000), (278, 9000)] }, "truncated");
        AssertRefused(Pattern(4, 4, 1, 8) with { Compression = 8, More = [(256, 9000), (257, 9000), (278, 9000)] }, "truncated");
        AssertRefused(Pattern(4, 4, 1, 8) with { More = [(256, 90000), (257, 90000)] }, "90000x90000 pixels; at most");
        AssertRefused(Pattern(4, 4, 1, 8) with { More = [(256, 0)] }, "0x4 pixels");
        AssertRefused(Pattern(4, 4, 1, 8) with { More = [(273, 1 << 30)] }, "truncated");
        AssertRefused(Pattern(4, 4, 1, 8) with { More = [(279, -1)] }, "truncated");
        AssertRefused(Pattern(4, 4, 1, 8) with { Tile = (16, 16), More = [(322, 65536), (323, 65536)] }, "too large");
        AssertRefused(Pattern(4, 4, 1, 8) with { Tile = (16, 16), More = [(322, 0)] }, "width of tiles");
        AssertRefused(Pattern(4, 40, 1, 8) with { RowsPerStrip = 10, More = [(278, 1)] }, "its size needs 40");
    }

    [Test]
    public void Read_OfPagesThatLeadBackToTheFirst_Ends()
    {
        var file = Pattern(4, 4, 1, 8).Encode();
        file.AsSpan(4, 4).CopyTo(file.AsSpan(file.Length - 4));
        File.WriteAllBytes(_folder["a.tif"], file);
        Assert.That(ImageFile.Check(_folder["a.tif"]).Pages, Is.EqualTo(1));
    }

    [Test]
    public void Read_OfFilesCutAnywhere_IsRefused([Values(1, 5, 8, 32773)] int compression)
    {
        // Directory first would survive a cut behind it; here it is last, so each cut hits it, and in front of it nothing may be missing.
        var file = (Pattern(40, 40, 3, 16) with { Compression = compression }).Encode();
        for (var length = 1; length < file.Length - 4; length += 1 + (file.Length / 60)) AssertRefused(file[..length], "");
    }

    /// <summary>The search by a great many changes is a tool of its own; here a sample of it guards what it found.</summary>
    [Test]
    public void Read_OfRandomlyChangedFiles_NeverFailsOtherwiseAndNeverHangs([Values(1, 5, 8, 32773)] int compression)
    {
        var random = new Random(compression);
        TiffBytes[] seeds =
        [
            Pattern(37, 29, 3, 16) with { Compression = compression, RowsPerStrip = 5, Predictor = compression is 5 or 8 ? 2 : 1 },
            Pattern(37, 29, 1, 8) with { Compression = compression, Tile = (16, 16), Big = true },
            Pattern(37, 29, 3, 8) with { Compression = compression, Planar = true },
        ];
        byte[][] files = [.. seeds.Select(seed => seed.Encode())];
        var read = 0;
        for (var i = 0; i < 3000; i++)
        {
            var file = (byte[])files[i % files.Length].Clone();
            for (var change = random.Next(1, 6); change > 0; change--)
            {
                // Half of the changes go into the directory, which is at the end.
                var at = random.Next(2) == 0 ? random.Next(file.Length) : file.Length - 1 - random.Next(Math.Min(200, file.Length));
                file[at] = random.Next(3) switch
                {
                    0 => (byte)random.Next(256),
                    1 => (byte)(file[at] ^ (1 << random.Next(8))),
                    _ => new byte[] { 0, 1, 127, 128, 255 }[random.Next(5)],
                };
            }

            var clock = Stopwatch.StartNew();
            try
            {
                ImageFile.Decode(file, "a file");
                read++;
            }
            catch (ImageException)
            {
                // The only kind of failure.
            }

            Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(20)), $"change {i}");
        }

        Assert.That(read, Is.InRange(50, 2950), "changes both harmless and harmful");
    }

    private static TiffBytes Pattern(int width, int height, int samples, int bits)
    {
        var random = new Random(7);
        int[] values = [.. Enumerable.Range(0, width * height * samples).Select(
            i => (i % 50 < 25 ? random.Next(1 << Math.Min(bits, 16)) : i * 3) & ((1 << Math.Min(bits, 16)) - 1))];
        return new TiffBytes(width, height, samples, bits, values);
    }

    private ImageBuffer Read(TiffBytes tiff)
    {
        File.WriteAllBytes(_folder["a.tif"], tiff.Encode());
        return ImageFile.Read(_folder["a.tif"]);
    }

    private void AssertReads(TiffBytes tiff, int channels, Func<int, float> value)
    {
        var image = Read(tiff);
        Assert.That((image.Channels, image.Height, image.Width), Is.EqualTo((channels, tiff.Height, tiff.Width)));
        for (var i = 0; i < tiff.Values.Length; i++)
        {
            var found = image[i % channels, i / channels / tiff.Width, i / channels % tiff.Width];
            if (found != value(tiff.Values[i])) Assert.Fail($"sample {i} is {found}, expected {value(tiff.Values[i])}");
        }
    }

    private void AssertRefused(TiffBytes tiff, string reason) => AssertRefused(tiff.Encode(), reason);

    private void AssertRefused(byte[] file, string reason)
    {
        File.WriteAllBytes(_folder["a.tif"], file);
        Assert.That(() => ImageFile.Read(_folder["a.tif"]),
            Throws.TypeOf<ImageException>().With.Message.Contains("a.tif").And.Message.Contains(reason), reason);
    }
}
