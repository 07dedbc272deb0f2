using System.Numerics;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.ImageSharp;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Shapes;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.PixelFormats;

namespace DiffeoNN.Onnx.PublicApi.Tests;

/// <summary>Pictures of ImageSharp: the same values as from files, back again, and the same answers.</summary>
[TestFixture]
public sealed class ImageSharpTests
{
    [Test]
    public void ToBuffer_OfEveryLevel_IsTheLevelOverTheLargest()
    {
        using var l8 = Filled(16, 16, (x, y) => new L8((byte)((y * 16) + x)));
        using var l16 = Filled(256, 256, (x, y) => new L16((ushort)((y * 256) + x)));
        using var rgb = Filled(16, 16, (x, y) => new Rgb24((byte)((y * 16) + x), (byte)(255 - ((y * 16) + x)), 7));

        Assert.That(l8.ToBuffer().Data.ToArray(), Is.EqualTo(Enumerable.Range(0, 256).Select(level => level / 255f)));
        Assert.That(l16.ToBuffer().Data.ToArray(), Is.EqualTo(Enumerable.Range(0, 65536).Select(level => level / 65535f)));
        Assert.That(rgb.ToBuffer().Plane(0).ToArray(), Is.EqualTo(Enumerable.Range(0, 256).Select(level => level / 255f)));
        Assert.That(rgb.ToBuffer().Plane(1).ToArray(), Is.EqualTo(Enumerable.Range(0, 256).Select(level => (255 - level) / 255f)));
        Assert.That(rgb.ToBuffer().Plane(2).ToArray(), Is.All.EqualTo(7 / 255f));
    }

    [Test]
    public void ToBuffer_GivesWhatTheFileReaderGives()
    {
        using var folder = new TemporaryFolder();
        var random = new Random(4);
        using var picture = Filled(7, 5, (_, _) => new Rgb24((byte)random.Next(256), (byte)random.Next(256), (byte)random.Next(256)));
        var converted = picture.ToBuffer();
        ImageFile.WritePng(folder["same.png"], converted);

        var read = ImageFile.Read(folder["same.png"]);

        Assert.That((converted.Channels, converted.Height, converted.Width), Is.EqualTo((3, 5, 7)));
        Assert.That(converted.Data.ToArray(), Is.EqualTo(read.Data.ToArray()));
        Assert.That(converted[1, 3, 6], Is.EqualTo(picture[6, 3].G / 255f), "row 3, column 6");
    }

    [Test]
    public void ToBuffer_OfTransparentPixels_IsOverBlack()
    {
        using var bytes = Filled(1, 1, (_, _) => new Rgba32(200, 100, 50, 128));
        using var floats = Filled(1, 1, (_, _) => new RgbaVector(0.8f, 0.4f, 0.2f, 0.5f));

        var opacity = 128 / 255f;
        Assert.That(bytes.ToBuffer().Data.ToArray(), Is.EqualTo(new[] { 200 / 255f * opacity, 100 / 255f * opacity, 50 / 255f * opacity }));
        Assert.That(floats.ToBuffer().Data.ToArray(), Is.EqualTo(new[] { 0.4f, 0.2f, 0.1f }));
    }

    [TestCase(1.5f, 1f)]
    [TestCase(-0.1f, 1f)]
    [TestCase(float.NaN, 1f)]
    [TestCase(float.PositiveInfinity, 1f)]
    [TestCase(0.5f, 2f)]
    public void ToBuffer_OfFloatsOutsideTheRange_NamesThePixel(float blue, float alpha)
    {
        using var picture = Filled(3, 2, (x, y) => new RgbaVector(0, 1, (x, y) == (2, 1) ? blue : 0.5f, (x, y) == (2, 1) ? alpha : 1));

        Assert.That(() => picture.ToBuffer(),
            Throws.InstanceOf<ImageException>().With.Message.Contains("Pixel (2, 1)").And.Message.Contains("[0, 1]"));
    }

    [Test]
    public void ToBuffer_OfAnotherFormat_SaysWhichAreTaken()
    {
        using var picture = new Image<Bgr24>(4, 4);

        Assert.That(() => picture.ToBuffer(),
            Throws.InstanceOf<ImageException>().With.Message.Contains("Bgr24").And.Message.Contains("CloneAs<Rgb24>"));
    }

    [Test]
    public void ToPicture_OfWhatAPictureHeld_IsThatPicture()
    {
        using var l8 = Filled(16, 16, (x, y) => new L8((byte)((y * 16) + x)));
        using var l16 = Filled(256, 256, (x, y) => new L16((ushort)((y * 256) + x)));
        using var rgb = Filled(5, 3, (x, y) => new Rgb24((byte)x, (byte)y, (byte)(17 * x)));
        using var rgba = Filled(5, 3, (x, y) => new Rgba32((byte)x, (byte)y, (byte)(17 * x), 255));
        using var floats = Filled(5, 3, (x, y) => new RgbaVector(x / 7f, y / 7f, 1, 1));

        AssertReturns(l8);
        AssertReturns(l16);
        AssertReturns(rgb);
        AssertReturns(rgba);
        AssertReturns(floats);
    }

    [Test]
    public void ToPicture_RoundsAndClamps()
    {
        var image = new ImageBuffer(1, 1, 6, [-1, 0.499f / 255, 0.501f / 255, 0.5f, 2, float.NaN]);

        using var l8 = image.ToPicture<L8>();
        using var rgb = image.ToPicture<Rgb24>();
        using var floats = image.ToPicture<RgbaVector>();

        Assert.That(Enumerable.Range(0, 6).Select(x => l8[x, 0].PackedValue), Is.EqualTo(new byte[] { 0, 0, 1, 128, 255, 0 }));
        Assert.That(rgb[3, 0], Is.EqualTo(new Rgb24(128, 128, 128)));
        Assert.That(floats[4, 0].ToVector4(), Is.EqualTo(new Vector4(2, 2, 2, 1)));
        using var luma = new ImageBuffer(3, 1, 1, [1, 0, 0]).ToPicture<L8>();
        Assert.That(luma[0, 0].PackedValue, Is.EqualTo(76), "0.299 of red");
        Assert.That(() => new ImageBuffer(2, 1, 1).ToPicture<L8>(), Throws.InstanceOf<ImageException>().With.Message.Contains("2 planes"));
        Assert.That(() => image.ToPicture<Bgra32>(), Throws.InstanceOf<NotSupportedException>().With.Message.Contains("Bgra32"));
    }

    [Test]
    public void ToPicture_OfLabels_IsBlackAndWhiteOrTheIndex()
    {
        using var two = new LabelMap(1, 2, [0, 1]).ToPicture();
        using var three = new LabelMap(1, 3, [0, 1, 2]).ToPicture(3);

        Assert.That((two[0, 0].PackedValue, two[1, 0].PackedValue), Is.EqualTo(((byte)0, (byte)255)));
        Assert.That((three[0, 0].PackedValue, three[1, 0].PackedValue, three[2, 0].PackedValue), Is.EqualTo(((byte)0, (byte)1, (byte)2)));
        Assert.That(() => new LabelMap(1, 1, [3]).ToPicture(3), Throws.ArgumentException);
        var scores = new ModelOutput { Kind = OutputKind.Classification, Height = 4, Width = 4, Scores = [0, 1] };
        Assert.That(() => scores.ToPicture<L8>(), Throws.InstanceOf<ImageException>().With.Message.Contains("Classification"));
    }

    [Test]
    public void Run_OnPictures_AnswersAsOnTheirPlanes()
    {
        var image = ShapesGenerator.Generate(3, 0).Image;
        using var picture = image.ToPicture<L8>();
        using var model = EquivariantModel.Load(Repository.Bundle("shapes"));

        using var expected = model.Run([picture.ToBuffer()]);
        using var found = model.Run([picture]);
        var naive = model.RunNaive([picture]);
        using var mask = found.Images[0].Output.ToPicture<L8>();

        var labels = expected.Images[0].Output.Labels!.Labels.ToArray();
        Assert.That(found.Images[0].Output.Labels!.Labels.ToArray(), Is.EqualTo(labels));
        Assert.That(naive[0].Labels!.Labels.ToArray(), Is.EqualTo(model.RunNaive([picture.ToBuffer()])[0].Labels!.Labels.ToArray()));
        Assert.That(mask.Size(), Is.EqualTo(new Size(image.Width, image.Height)));
        Assert.That(mask.ToBuffer().Data.ToArray(), Is.EqualTo(labels.Select(label => (float)label)), "two classes: black and white");
    }

    /// <summary>Its codecs have flaws without a fix; the audit's entries are silenced because none is called.</summary>
    [Test]
    public void NoAssembly_CallsACodecOfImageSharp()
    {
        string[] assemblies = [.. Directory.GetFiles(AppContext.BaseDirectory, "DiffeoNN.Onnx*.dll")
            .Where(file => !file.EndsWith("Tests.dll", StringComparison.Ordinal))];
        Assert.That(assemblies.Select(Path.GetFileName), Is.SupersetOf(new[] { "DiffeoNN.Onnx.dll", "DiffeoNN.Onnx.ImageSharp.dll" }));
        foreach (var file in assemblies)
        {
            using var reader = new PEReader(File.OpenRead(file));
            var metadata = reader.GetMetadataReader();
            var types = metadata.TypeReferences.Select(metadata.GetTypeReference)
                .Select(type => (Space: metadata.GetString(type.Namespace), Name: metadata.GetString(type.Name)))
                .Where(type => type.Space.StartsWith("SixLabors", StringComparison.Ordinal)).ToList();
            string[] allowed = ["SixLabors.ImageSharp", "SixLabors.ImageSharp.PixelFormats"];
            Assert.That(types.Where(type => !allowed.Contains(type.Space)), Is.Empty, file);
            Assert.That(types.Count > 0, Is.EqualTo(Path.GetFileName(file) == "DiffeoNN.Onnx.ImageSharp.dll"), file);
            if (types.Count == 0) continue;
            var members = metadata.MemberReferences.Select(member => metadata.GetString(metadata.GetMemberReference(member).Name)).ToList();
            string[] codecs = ["Load", "Save", "Decode", "Encode", "Identify", "DetectFormat"];
            Assert.That(members.Where(name => codecs.Any(codec => name.StartsWith(codec, StringComparison.Ordinal))), Is.Empty, file);
            Assert.That(types.Select(type => type.Name), Has.None.EqualTo("ImageExtensions").And.None.EqualTo("Configuration"), file);
        }
    }

    private static void AssertReturns<TPixel>(Image<TPixel> picture)
        where TPixel : unmanaged, IPixel<TPixel>
    {
        using var back = picture.ToBuffer().ToPicture<TPixel>();
        Assert.That(back.Size(), Is.EqualTo(picture.Size()));
        for (var y = 0; y < picture.Height; y++)
            for (var x = 0; x < picture.Width; x++)
                Assert.That(back[x, y], Is.EqualTo(picture[x, y]), $"{typeof(TPixel).Name} at ({x}, {y})");
    }

    private static Image<TPixel> Filled<TPixel>(int width, int height, Func<int, int, TPixel> pixel)
        where TPixel : unmanaged, IPixel<TPixel>
    {
        var picture = new Image<TPixel>(width, height);
        for (var y = 0; y < height; y++)
            for (var x = 0; x < width; x++) picture[x, y] = pixel(x, y);
        return picture;
    }
}
