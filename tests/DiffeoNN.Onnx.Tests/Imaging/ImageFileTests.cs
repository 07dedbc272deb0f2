using System.Buffers.Binary;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.RandomNumbers;
using SkiaSharp;

namespace DiffeoNN.Onnx.Tests.Imaging;

/// <summary>Reading and writing files.</summary>
public sealed class ImageFileTests
{
    private string _folder = "";

    [SetUp]
    public void CreateFolder() => _folder = Directory.CreateTempSubdirectory("diffeonn-images-").FullName;

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void WritePng_ThenRead_GivesTheSameValues([Values(1, 3)] int channels)
    {
        var image = new ImageBuffer(channels, 9, 13);
        var random = new SplitMix64(1);
        foreach (ref var value in image.Data) value = (random.Next() % 256) / 255f;
        ImageFile.WritePng(PathOf("a.png"), image);
        var read = ImageFile.Read(PathOf("a.png"));
        Assert.That(read.Channels, Is.EqualTo(channels));
        Assert.That(read.Data.ToArray(), Is.EqualTo(image.Data.ToArray()));
    }

    [Test]
    public void WritePng_ClampsAndRounds()
    {
        ImageFile.WritePng(PathOf("a.png"), new ImageBuffer(1, 1, 5, [-1, 2, float.NaN, 0.4999f / 255, 0.5001f / 255]));
        Assert.That(ImageFile.Read(PathOf("a.png")).Data.ToArray(), Is.EqualTo(new[] { 0, 1, 0, 0, 1 / 255f }));
    }

    [Test]
    public void Read_OfEveryPngKind_GivesStoredValues(
        [Values("grey1", "grey2", "grey4", "grey8", "grey16", "rgb8", "rgb16")] string kind, [Values] bool interlaced,
        [Values(1, 13)] int width)
    {
        int depth = int.Parse(kind.TrimStart([.. "greyb"])), channels = kind[0] == 'g' ? 1 : 3;
        var random = new SplitMix64(2);
        int[] samples = [.. Enumerable.Range(0, width * 11 * channels).Select(_ => (int)(random.Next() % (1UL << depth)))];
        File.WriteAllBytes(PathOf("a.png"), PngBytes.Encode(width, 11, channels == 1 ? 0 : 2, depth, samples, interlaced));
        var image = ImageFile.Read(PathOf("a.png"));
        Assert.That((image.Channels, image.Height, image.Width), Is.EqualTo((channels, 11, width)));
        for (var i = 0; i < samples.Length; i++)
            Assert.That(image[i % channels, i / channels / width, i / channels % width],
                Is.EqualTo(samples[i] / (float)((1 << depth) - 1)));
    }

    [Test]
    public void Read_Of16Bits_KeepsNeighbouringLevelsApart()
    {
        File.WriteAllBytes(PathOf("a.png"), PngBytes.Encode(3, 1, 0, 16, [40000, 40001, 40002]));
        var values = ImageFile.Read(PathOf("a.png")).Data.ToArray();
        Assert.That(values.Select(value => Math.Round(value * 65535.0)), Is.EqualTo(new[] { 40000, 40001, 40002 }));
    }

    [Test]
    public void Read_OfPalette_LooksColoursUp()
    {
        File.WriteAllBytes(
            PathOf("a.png"), PngBytes.Encode(3, 1, 3, 2, [0, 1, 2], palette: [255, 0, 0, 0, 51, 0, 0, 0, 102], transparency: [255, 0]));
        var image = ImageFile.Read(PathOf("a.png"));
        Assert.That(image.Data.ToArray(), Is.EqualTo(new[] { 1f, 0, 0, 0, 0, 0, 0, 0, 0.4f }), "the second colour is transparent");
    }

    [Test]
    public void Read_OfColourOutsidePalette_NamesIt()
    {
        File.WriteAllBytes(PathOf("a.png"), PngBytes.Encode(1, 1, 3, 8, [7], palette: [0, 0, 0]));
        AssertRefused("a.png", "a pixel has colour 7 of a palette of 1");
    }

    [Test]
    public void Read_OfTransparency_CompositesOverBlack()
    {
        File.WriteAllBytes(PathOf("ga.png"), PngBytes.Encode(2, 1, 4, 8, [200, 51, 100, 255]));
        File.WriteAllBytes(PathOf("rgba.png"), PngBytes.Encode(1, 1, 6, 8, [255, 100, 0, 102]));
        File.WriteAllBytes(PathOf("key.png"), PngBytes.Encode(2, 1, 0, 8, [9, 10], transparency: [0, 9]));
        Assert.That(ImageFile.Read(PathOf("ga.png")).Data.ToArray(), Is.EqualTo(new[] { 200 / 255f * 0.2f, 100 / 255f }).Within(1e-7));
        Assert.That(ImageFile.Read(PathOf("rgba.png")).Data.ToArray(), Is.EqualTo(new[] { 0.4f, 100 / 255f * 0.4f, 0 }).Within(1e-7));
        Assert.That(ImageFile.Read(PathOf("key.png")).Data.ToArray(), Is.EqualTo(new[] { 0, 10 / 255f }));
    }

    [Test]
    public void Read_IgnoresGamma()
    {
        File.WriteAllBytes(PathOf("a.png"), PngBytes.Encode(1, 1, 0, 8, [100], gamma: [0, 1, 0x86, 0xA0]));
        Assert.That(ImageFile.Read(PathOf("a.png")).Data[0], Is.EqualTo(100 / 255f));
    }

    [Test]
    public void Read_OfPngCutAnywhere_IsRefused()
    {
        var whole = PngBytes.Encode(20, 20, 0, 8, [.. Enumerable.Range(0, 400).Select(i => i * 37 % 256)]);
        foreach (var length in new[] { 8, 20, 33, whole.Length / 2, whole.Length - 13, whole.Length - 1 })
        {
            File.WriteAllBytes(PathOf("cut.png"), whole[..length]);
            AssertRefused("cut.png", "truncated");
        }
    }

    [Test]
    public void Read_OfFlippedBit_IsRefused()
    {
        var bytes = PngBytes.Encode(20, 20, 0, 8, [.. Enumerable.Range(0, 400).Select(i => i * 37 % 256)]);
        bytes[80] ^= 1;
        File.WriteAllBytes(PathOf("a.png"), bytes);
        AssertRefused("a.png", "checksum");
    }

    [Test]
    public void Read_OfHugeHeaderInSmallFile_IsRefusedWithoutMemory()
    {
        var pixel = PngBytes.Encode(1, 1, 0, 8, [1]);
        var huge = PngBytes.Encode(9000, 1, 0, 8, new int[9000]);
        File.WriteAllBytes(PathOf("a.png"), [.. pixel[..8], .. HeaderOf(9000, 9000), .. pixel[33..]]);
        AssertRefused("a.png", "truncated");
        File.WriteAllBytes(PathOf("b.png"), [.. huge[..8], .. HeaderOf(90000, 90000), .. huge[33..]]);
        AssertRefused("b.png", "90000x90000 pixels; at most");
    }

    [Test]
    public void SizeOf_IsWhatTheHeaderSays_AlsoWhereThePixelsAreDamaged()
    {
        using var bitmap = new SKBitmap(130, 90);
        var random = new SplitMix64(1);
        for (var i = 0; i < 130 * 90; i++) bitmap.SetPixel(i % 130, i / 130, new SKColor((uint)random.Next() | 0xFF000000));
        foreach (var format in (SKEncodedImageFormat[])[SKEncodedImageFormat.Jpeg, SKEncodedImageFormat.Webp])
        {
            using var data = bitmap.Encode(format, 90);
            var file = data.ToArray();
            file.AsSpan(file.Length / 2).Clear();
            Assert.That(Size(file), Is.EqualTo((130, 90)), $"{format}");
        }

        Assert.That(Size(ImageFile.EncodePng(new ImageBuffer(3, 9, 13))), Is.EqualTo((13, 9)));
        Assert.That(Size(new TiffBytes(4, 3, 1, 8, new int[12]).Encode()), Is.EqualTo((4, 3)));
        var huge = PngBytes.Encode(9000, 1, 0, 8, new int[9000]);
        Assert.That(() => Size([.. huge[..8], .. HeaderOf(90000, 90000), .. huge[33..]]), Throws.TypeOf<ImageException>()
            .With.Message.EqualTo("The file cannot be read: it is 90000x90000 pixels; at most 100000000 are read."));
        Assert.That(() => Size([]), Throws.TypeOf<ImageException>().With.Message.EqualTo("The file is empty; expected an image."));

        static (int, int) Size(byte[] file)
        {
            using var content = FileContent.Copy(file);
            return ImageFile.SizeOf(content, "The file");
        }
    }

    [TestCase("garbage.png", "hello, I am no image at all")]
    [TestCase("garbage.jpg", "hello, I am no image at all")]
    public void Read_OfGarbage_IsRefused(string name, string content)
    {
        File.WriteAllText(PathOf(name), content);
        AssertRefused(name, "it is no complete PNG, JPEG, BMP, WebP or GIF image");
    }

    [Test]
    public void Read_OfMissingEmptyOrFolder_SaysWhich()
    {
        File.WriteAllBytes(PathOf("empty.png"), []);
        Directory.CreateDirectory(PathOf("folder.png"));
        AssertRefused("none.png", "does not exist");
        AssertRefused("empty.png", "is empty");
        AssertRefused("folder.png", "is a folder");
    }

    [Test]
    public void Read_OfJpeg_IsCloseAndRefusedWhenCut()
    {
        var image = new ImageBuffer(3, 64, 64);
        for (var row = 0; row < 64; row++)
            for (var column = 0; column < 64; column++)
                for (var c = 0; c < 3; c++)
                    image[c, row, column] = (row + (c * column)) / 192f;
        ImageFile.WritePng(PathOf("a.png"), image);
        using (var bitmap = SKBitmap.Decode(PathOf("a.png")))
        using (var stream = File.Create(PathOf("a.jpg")))
            bitmap.Encode(stream, SKEncodedImageFormat.Jpeg, 98);
        var read = ImageFile.Read(PathOf("a.jpg"));
        for (var i = 0; i < image.Data.Length; i++) Assert.That(read.Data[i], Is.EqualTo(image.Data[i]).Within(0.04));
        var whole = File.ReadAllBytes(PathOf("a.jpg"));
        File.WriteAllBytes(PathOf("cut.jpg"), whole[..(whole.Length * 6 / 10)]);
        AssertRefused("cut.jpg", "");
    }

    [Test]
    public void Read_OfAStream_GivesWhatTheFileHolds_FromWhereItStands()
    {
        ImageFile.WritePng(PathOf("a.png"), new ImageBuffer(1, 2, 2, [0, 0.2f, 0.4f, 1]));
        var file = File.ReadAllBytes(PathOf("a.png"));
        using var stream = new MemoryStream([9, 9, 9, .. file]) { Position = 3 };
        Assert.That(ImageFile.Read(stream).Data.ToArray(), Is.EqualTo(ImageFile.Read(PathOf("a.png")).Data.ToArray()));
        Assert.That(stream.CanRead, "the stream stays open");
        using var packed = new System.IO.Compression.ZLibStream(
            new MemoryStream(Packed(file)), System.IO.Compression.CompressionMode.Decompress);
        Assert.That(ImageFile.Read(packed).Width, Is.EqualTo(2), "a stream that cannot seek");
        Assert.That(() => ImageFile.Read(stream),
            Throws.TypeOf<ImageException>().With.Message.EqualTo("The stream is empty; expected an image."));
        using var tiff = new MemoryStream(new TiffBytes(3, 2, 1, 16, [0, 1, 2, 3, 4, 65535]).Encode());
        Assert.That(ImageFile.Read(tiff).Data.ToArray(), Is.EqualTo(new[] { 0, 1 / 65535f, 2 / 65535f, 3 / 65535f, 4 / 65535f, 1 }));
        using var cut = new MemoryStream(file[..^20]);
        Assert.That(() => ImageFile.Read(cut),
            Throws.TypeOf<ImageException>().With.Message.StartsWith("The stream cannot be read: it ends before"));
        stream.Dispose();
        Assert.That(() => ImageFile.Read(stream), Throws.ArgumentException.With.Message.Contains("cannot be read"));

        static byte[] Packed(byte[] bytes)
        {
            using var target = new MemoryStream();
            using (var deflate = new System.IO.Compression.ZLibStream(target, System.IO.Compression.CompressionLevel.Fastest))
                deflate.Write(bytes);
            return target.ToArray();
        }
    }

    [Test]
    public void Read_WithChannels_Converts()
    {
        ImageFile.WritePng(PathOf("rgb.png"), new ImageBuffer(3, 1, 1, [1, 0.2f, 0.4f]));
        Assert.That(ImageFile.Read(PathOf("rgb.png"), 1).Data[0], Is.EqualTo(0.299 + (0.587 * 0.2) + (0.114 * 0.4)).Within(1e-6));
        ImageFile.WritePng(PathOf("grey.png"), new ImageBuffer(1, 1, 1, [0.6f]));
        Assert.That(ImageFile.Read(PathOf("grey.png"), 3).Data.ToArray(), Is.EqualTo(new[] { 0.6f, 0.6f, 0.6f }));
        Assert.That(
            () => ImageFile.Read(PathOf("grey.png"), 4),
            Throws.TypeOf<ImageException>().With.Message.Contains("grey.png' has 1 channels; 4 are expected"));
    }

    [Test]
    public void WritePng_IntoMissingFolder_NamesTheFile() => Assert.That(
        () => ImageFile.WritePng(Path.Combine(_folder, "none", "a.png"), new ImageBuffer(1, 2, 2)),
        Throws.TypeOf<OutputException>().With.Message.Contains("a.png"));

    [Test]
    public void AtomicWrite_ThatFails_LeavesOldFileAndNothingElse()
    {
        File.WriteAllText(PathOf("a.txt"), "old");
        Assert.That(
            () => AtomicFile.Write(PathOf("a.txt"), stream =>
            {
                stream.WriteByte(1);
                throw new InvalidOperationException("stop");
            }),
            Throws.InvalidOperationException);
        Assert.That(File.ReadAllText(PathOf("a.txt")), Is.EqualTo("old"));
        Assert.That(Directory.GetFiles(_folder), Has.Length.EqualTo(1));
        AtomicFile.WriteText(PathOf("a.txt"), "new");
        Assert.That(File.ReadAllText(PathOf("a.txt")), Is.EqualTo("new"));
        Assert.That(Directory.GetFiles(_folder), Has.Length.EqualTo(1));
    }

    /// <summary>Such data is no PNG's, and the decompressor says so in another way than of damaged data.</summary>
    [Test]
    public void Read_OfAPngThatAsksForADictionary_IsRefused()
    {
        var file = PngBytes.Encode(3, 2, 0, 8, [1, 2, 3, 4, 5, 6]);
        int chunk = file.AsSpan().IndexOf("IDAT"u8), length = BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(chunk - 4));
        (file[chunk + 4], file[chunk + 5]) = (0x78, 0x20);
        BinaryPrimitives.WriteUInt32BigEndian(file.AsSpan(chunk + 4 + length), PngReader.Crc(file.AsSpan(chunk, length + 4)));
        File.WriteAllBytes(PathOf("a.png"), file);

        AssertRefused("a.png", "damaged");
        Assert.That(() => MaskFile.Read(PathOf("a.png")), Throws.TypeOf<ImageException>().With.Message.Contains("damaged"));
    }

    private static byte[] HeaderOf(int width, int height)
    {
        // The signature has 8 bytes and the header chunk 25; encoding a single row with the wanted width and then patching needs a new
        // checksum.
        byte[] content = [(byte)'I', (byte)'H', (byte)'D', (byte)'R', .. BigEndian((uint)width), .. BigEndian((uint)height), 8, 0, 0, 0, 0];
        var crc = uint.MaxValue;
        foreach (var value in content)
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++) crc = (crc & 1) != 0 ? 0xEDB88320 ^ (crc >> 1) : crc >> 1;
        }

        return [0, 0, 0, 13, .. content, .. BigEndian(~crc)];
    }

    private static byte[] BigEndian(uint value) => [(byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value];

    private void AssertRefused(string name, string reason) => Assert.That(
        () => ImageFile.Read(PathOf(name)),
        Throws.TypeOf<ImageException>().With.Message.Contains(PathOf(name)).And.Message.Contains(reason).And.Message.Not.Contains("\n"));

    private string PathOf(string name) => Path.Combine(_folder, name);
}
