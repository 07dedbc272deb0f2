using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.RandomNumbers;
using DiffeoNN.Onnx.Tests.Imaging;
using SkiaSharp;

namespace DiffeoNN.Onnx.Tests.Data;

/// <summary>Masks as files store them.</summary>
public sealed class MaskFileTests
{
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void CreateFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void WritePng_ThenRead_GivesTheSameValues([Values(1, 2, 4, 8, 16)] int depth, [Values(1, 13)] int width, [Values] bool indexed)
    {
        if (indexed && depth == 16) depth = 8;
        var random = new SplitMix64(4);
        ushort[] values = [.. Enumerable.Range(0, width * 7).Select(_ => (ushort)(random.Next() % (1UL << depth)))];
        var mask = new StoredMask(7, width, values, depth)
        {
            Palette = indexed ? [.. Enumerable.Range(0, 3 << depth).Select(i => (byte)(i * 7))] : null,
        };
        MaskFile.WritePng(_folder["a.png"], mask);
        var read = MaskFile.Read(_folder["a.png"]);
        Assert.That((read.Height, read.Width, read.Depth, read.IsLossy), Is.EqualTo((7, width, depth, false)));
        Assert.That(read.Values, Is.EqualTo(values));
        Assert.That(read.Palette, Is.EqualTo(mask.Palette));
    }

    [Test]
    public void WritePng_IsReadByOthers()
    {
        MaskFile.WritePng(_folder["a.png"], new StoredMask(2, 3, [0, 1, 2, 3, 254, 255], 8));
        using var bitmap = SKBitmap.Decode(_folder["a.png"]);
        Assert.That(bitmap.Pixels.Select(pixel => (int)pixel.Red), Is.EqualTo(new[] { 0, 1, 2, 3, 254, 255 }));
    }

    [TestCase(2, 8, new[] { 0, 0, 0, 3, 3, 3 }, new[] { 0, 3 })]
    [TestCase(2, 16, new[] { 0, 0, 0, 700, 700, 700 }, new[] { 0, 700 })]
    [TestCase(4, 8, new[] { 0, 0, 2, 255 }, new[] { 0, 2 })]
    [TestCase(6, 8, new[] { 0, 0, 0, 0, 9, 9, 9, 255 }, new[] { 0, 9 })]
    public void Read_OfGreyInColourFiles_GivesTheGrey(int type, int depth, int[] samples, int[] expected)
    {
        File.WriteAllBytes(_folder["a.png"], PngBytes.Encode(2, 1, type, depth, samples));
        var mask = MaskFile.Read(_folder["a.png"]);
        Assert.That(mask.Values, Is.EqualTo(expected));
        Assert.That(mask.Depth, Is.EqualTo(depth));
    }

    [TestCase(2, new[] { 0, 0, 0, 255, 0, 0 }, "holds the colour (255, 0, 0)")]
    [TestCase(6, new[] { 0, 0, 0, 0, 1, 2, 1, 255 }, "holds the colour (1, 2, 1)")]
    [TestCase(4, new[] { 0, 0, 255, 0 }, "holds the value 255 at a pixel of opacity 0")]
    [TestCase(4, new[] { 0, 0, 0, 255 }, "holds 0 at every pixel and differing opacities")]
    public void Read_OfWhatNobodyCanTell_IsRefused(int type, int[] samples, string message)
    {
        File.WriteAllBytes(_folder["a.png"], PngBytes.Encode(2, 1, type, 8, samples));
        Assert.That(() => MaskFile.Read(_folder["a.png"]), Throws.TypeOf<DataException>().With.Message.Contains(message));
    }

    [Test]
    public void Read_OfAnIndexBeyondThePalette_SaysThatTheFileIsBad()
    {
        File.WriteAllBytes(_folder["a.png"], PngBytes.Encode(2, 1, 3, 8, [0, 5], palette: [0, 0, 0, 9, 9, 9]));
        Assert.That(() => MaskFile.Read(_folder["a.png"]),
            Throws.TypeOf<ImageException>().With.Message.Contains("a pixel has colour 5 of a palette of 2"));
    }

    [Test]
    public void Read_OfTiff_GivesTheStoredNumbers([Values(8, 16)] int bits, [Values(1, 5, 8)] int compression)
    {
        int[] values = [0, 1, 2, 3, bits == 8 ? 254 : 256, (1 << bits) - 1];
        File.WriteAllBytes(_folder["a.tif"], new TiffBytes(3, 2, 1, bits, values) { Compression = compression }.Encode());
        var mask = MaskFile.Read(_folder["a.tif"]);
        Assert.That((mask.Height, mask.Width, mask.Depth, mask.IsLossy), Is.EqualTo((2, 3, bits, false)));
        Assert.That(mask.Values, Is.EqualTo(values));
    }

    [Test]
    public void Read_OfTiffOf16Bits_KeepsThem_AlsoWhereEightWouldDo()
    {
        File.WriteAllBytes(_folder["a.tif"], new TiffBytes(3, 1, 1, 16, [0, 257, 65535]).Encode());
        var mask = MaskFile.Read(_folder["a.tif"]);
        Assert.That((mask.Depth, mask.Values), Is.EqualTo((16, new ushort[] { 0, 257, 65535 })));
    }

    [TestCase(1)]
    [TestCase(60)]
    public void Read_OfLevelsThatAFormatChanges_IsRefused_WhereNoneIsNearTheUpperEnd(int level)
    {
        using var bitmap = new SKBitmap(new SKImageInfo(64, 64, SKColorType.Gray8, SKAlphaType.Opaque));
        for (var i = 0; i < bitmap.GetPixelSpan().Length; i++) bitmap.GetPixelSpan()[i] = i % 64 < 32 ? (byte)level : (byte)0;
        File.WriteAllBytes(_folder["a.jpg"], bitmap.Encode(SKEncodedImageFormat.Jpeg, 90).ToArray());
        Assert.That(() => MaskFile.Read(_folder["a.jpg"]).ToEnds("a.jpg"),
            Throws.TypeOf<DataException>().With.Message.Contains("class numbers need PNG"));
        bitmap.Erase(SKColors.Black);
        File.WriteAllBytes(_folder["a.jpg"], bitmap.Encode(SKEncodedImageFormat.Jpeg, 90).ToArray());
        Assert.That(MaskFile.Read(_folder["a.jpg"]).ToEnds("a.jpg").Values, Is.All.Zero, "an empty mask is one");
    }

    [Test]
    public void WebP_IsTakenAtItsWord_WhereItKeepsValues_InAnyContainer([Values] bool extended)
    {
        using var bitmap = new SKBitmap(new SKImageInfo(16, 2, SKColorType.Rgba8888, SKAlphaType.Opaque));
        for (var i = 0; i < 32; i++) bitmap.SetPixel(i % 16, i / 16, new SKColor((byte)(i % 4), (byte)(i % 4), (byte)(i % 4)));
        using var encoded = bitmap.PeekPixels()!.Encode(new SKWebpEncoderOptions(SKWebpEncoderCompression.Lossless, 100));
        var file = encoded!.ToArray();
        // With metadata the image is one part of several: VP8X (flags, three empty bytes, width - 1, height - 1) says so first.
        if (extended)
        {
            file = [.. file[..12], .. "VP8X"u8, 10, 0, 0, 0, 0, 0, 0, 0, 15, 0, 0, 1, 0, 0, .. file[12..]];
            BitConverter.TryWriteBytes(file.AsSpan(4), file.Length - 8);
        }

        File.WriteAllBytes(_folder["a.webp"], file);
        var mask = MaskFile.Read(_folder["a.webp"]);
        Assert.That(mask.IsLossy, Is.False);
        Assert.That(mask.Values, Is.EqualTo(Enumerable.Range(0, 32).Select(i => i % 4)));
    }

    [Test]
    public void WebP_ThatChangesValues_GivesTheNearerEnd()
    {
        using var bitmap = new SKBitmap(new SKImageInfo(32, 32, SKColorType.Rgba8888, SKAlphaType.Opaque));
        for (var i = 0; i < 1024; i++) bitmap.SetPixel(i % 32, i / 32, i % 32 < 13 ? SKColors.White : SKColors.Black);
        using var encoded = bitmap.PeekPixels()!.Encode(new SKWebpEncoderOptions(SKWebpEncoderCompression.Lossy, 70));
        File.WriteAllBytes(_folder["a.webp"], encoded!.ToArray());
        var mask = MaskFile.Read(_folder["a.webp"]);
        Assert.That(mask.IsLossy);
        Assert.That(mask.ToEnds("a.webp").Values, Is.EqualTo(Enumerable.Range(0, 1024).Select(i => i % 32 < 13 ? 255 : 0)));
    }

    [Test]
    public void Read_OfTiffWithOpacity_IsRefused()
    {
        File.WriteAllBytes(_folder["a.tif"], new TiffBytes(2, 1, 2, 8, [3, 0, 1, 255]) { More = [(338, 2)] }.Encode());
        Assert.That(() => MaskFile.Read(_folder["a.tif"]), Throws.TypeOf<DataException>().With.Message.Contains("without transparency"));
    }

    [Test]
    public void Read_OfInterlacedFiles_GivesTheStoredNumbers([Values(1, 4, 8, 16)] int depth)
    {
        int[] values = [.. Enumerable.Range(0, 11 * 9).Select(i => (i * 7) % (1 << depth))];
        File.WriteAllBytes(_folder["a.png"], PngBytes.Encode(11, 9, 0, depth, values, interlaced: true));
        var mask = MaskFile.Read(_folder["a.png"]);
        Assert.That((mask.Height, mask.Width, mask.Depth), Is.EqualTo((9, 11, depth)));
        Assert.That(mask.Values, Is.EqualTo(values));
    }

    [Test]
    public void Jpeg_GivesEnds_OrIsRefusedWhereTooMuchLiesBetween()
    {
        using var bitmap = new SKBitmap(new SKImageInfo(64, 64, SKColorType.Gray8, SKAlphaType.Opaque));
        for (var i = 0; i < bitmap.GetPixelSpan().Length; i++) bitmap.GetPixelSpan()[i] = i % 64 < 21 ? (byte)255 : (byte)0;
        Write();
        var mask = MaskFile.Read(_folder["a.jpg"]);
        Assert.That(mask.IsLossy);
        Assert.That(mask.Distinct(), Has.Length.GreaterThan(2), "a file that kept its values would show nothing");
        var ends = mask.ToEnds("a.jpg");
        Assert.That(ends.Values, Is.EqualTo(Enumerable.Range(0, 64 * 64).Select(i => i % 64 < 21 ? 255 : 0)));
        for (var i = 0; i < bitmap.GetPixelSpan().Length; i++) bitmap.GetPixelSpan()[i] = (byte)(i % 64 * 4);
        Write();
        Assert.That(() => MaskFile.Read(_folder["a.jpg"]).ToEnds("a.jpg"),
            Throws.TypeOf<DataException>().With.Message.Contains("near neither 0 nor 255"));

        void Write() => File.WriteAllBytes(_folder["a.jpg"], bitmap.Encode(SKEncodedImageFormat.Jpeg, 60).ToArray());
    }
}
