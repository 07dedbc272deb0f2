using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.RandomNumbers;
using DiffeoNN.Onnx.Shapes;
using DiffeoNN.Onnx.Tests.Imaging;

namespace DiffeoNN.Onnx.Tests.Data;

/// <summary>Data folders: reading them, writing shapes, writing deformed copies.</summary>
public sealed class ImageFolderTests
{
    private string _folder = "";

    private string Data => Path.Combine(_folder, "data");

    [SetUp]
    public void WriteShapes()
    {
        _folder = Directory.CreateTempSubdirectory("diffeonn-folder-").FullName;
        ShapesDataSet.Write(Data, 20, 3, 16);
    }

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void Open_OfShapes_FindsSplits()
    {
        var folder = ImageFolder.Open(Data);
        Assert.That(folder.HasMasks);
        Assert.That(folder.Rows.CountBy(row => row.Split).ToDictionary(),
            Is.EquivalentTo(new Dictionary<string, int> { ["train"] = 14, ["val"] = 3, ["test"] = 3 }));
        Assert.That(folder.Select("test", null, 2).Select(row => row.Name), Is.EqualTo(new[] { "shape-00017.png", "shape-00018.png" }));
        Assert.That(ImageFile.Read(folder.ImagePath(folder.Rows[5])).Data.ToArray(),
            Is.EqualTo(ShapesGenerator.Generate(3, 5, 16).Image.Data.ToArray()));
    }

    [Test]
    public void Open_WithoutSplit_ListsImagesByName()
    {
        File.Delete(Path.Combine(Data, "split.csv"));
        var folder = ImageFolder.Open(Data);
        Assert.That(folder.Rows, Has.Count.EqualTo(20));
        Assert.That(folder.Rows.Select(row => row.Name), Is.Ordered);
    }

    [Test]
    public void MaskPath_IsAlsoPngBesideOtherImages()
    {
        File.Delete(Path.Combine(Data, "split.csv"));
        string image = Path.Combine(Data, "images", "shape-00003.png"), mask = Path.Combine(Data, "masks", "shape-00003.png");
        File.Move(image, Path.ChangeExtension(image, ".jpg"));
        var folder = ImageFolder.Open(Data);
        var row = folder.Rows.Single(row => row.Name == "shape-00003.jpg");
        Assert.That(folder.MaskPath(row), Is.EqualTo(mask));
        File.Copy(mask, Path.ChangeExtension(mask, ".jpg"));
        Assert.That(folder.MaskPath(row), Is.EqualTo(Path.ChangeExtension(mask, ".jpg")));
    }

    [Test]
    public void Select_WithoutSplits_SaysThatThereAreNone()
    {
        File.Delete(Path.Combine(Data, "split.csv"));
        Assert.That(() => ImageFolder.Open(Data).Select("test", null),
            Throws.TypeOf<DataException>().With.Message.Contains("Splits: none, for want of such a column"));
    }

    [Test]
    public void Select_OfUnknownSplit_ListsWhatThereIs() => Assert.That(
        () => ImageFolder.Open(Data).Select("exam", null),
        Throws.TypeOf<DataException>()
            .With.Message.Contains("no image of split 'exam'. Splits: 'train', 'val', 'test'. Sources: 'shapes'."));

    [Test]
    public void Select_OfUnknownSource_LeavesTheSplitOut() => Assert.That(
        () => ImageFolder.Open(Data).Select(null, "moon"),
        Throws.TypeOf<DataException>().With.Message.Contains("no image of source 'moon'. Splits:"));

    [TestCase("name;split\n", "starts with 'name;split'; expected the columns name,split,source or name,split,label, of which name is "
        + "needed. Separate them by commas, not by ';'.")]
    [TestCase("Name,Split\na.png,train\n", "of which name is needed. Write them in lower case.")]
    [TestCase("name,split,source\na.png,train\n", "line 2 has 2 fields; the header has 3")]
    [TestCase("name,split,source\n../a.png,train,x\n", "line 2 names '../a.png'; expected a file name")]
    [TestCase("name,split,source\na.png,train,x\nb.png,val,x\n a.png,val,x\n", "line 4 names 'a.png' again, after line 2")]
    [TestCase("name,split,source\nnone.png,train,x\n", "none.png' is missing")]
    [TestCase("name,split,source\na\0.png,train,x\n", "line 2 names 'a\\0.png'; expected a file name")]
    [TestCase("name,split,source\n'a.png','train',x\n", "line 2 has 'a.png' in single quotes")]
    [TestCase("name,split,source\n\"a.png,train,x\nb.png,val,x\nc.png\",train,x\n",
        "lines 2 to 4 are one row with a field of several lines")]
    [TestCase("name,split,source\n", "split.csv' names no images")]
    public void Open_OfBadSplit_SaysWhere(string csv, string message)
    {
        File.WriteAllText(Path.Combine(Data, "split.csv"), csv);
        Assert.That(() => ImageFolder.Open(Data), Throws.TypeOf<DataException>().With.Message.Contains(message));
    }

    [Test]
    public void Open_WithAFolderForSplit_IsRefused()
    {
        File.Delete(Path.Combine(Data, "split.csv"));
        Directory.CreateDirectory(Path.Combine(Data, "split.csv"));
        Assert.That(() => ImageFolder.Open(Data), Throws.TypeOf<DataException>().With.Message.Contains("split.csv' is a folder"));
    }

    [Test]
    public void Open_WithMissingMask_NamesIt()
    {
        File.Delete(Path.Combine(Data, "masks", "shape-00004.png"));
        Assert.That(() => ImageFolder.Open(Data),
            Throws.TypeOf<DataException>().With.Message.Contains("shape-00004.png' is missing; every image needs a mask"));
    }

    [Test]
    public void Open_OfFolderWithoutImages_SaysWhatIsExpected() => Assert.That(
        () => ImageFolder.Open(_folder), Throws.TypeOf<DataException>().With.Message.Contains("has no folder images/"));

    [Test]
    public void Deform_WritesChosenRowsByTheirMaps()
    {
        var output = Path.Combine(_folder, "out");
        var deformation = Deformation.Create("tps-strong");
        var count =
            DeformedFolder.Write(Data, output, new DeformedFolderOptions { Deformation = deformation, Seed = 9, Split = "test" }).Images;
        var written = ImageFolder.Open(output);
        Assert.That(count, Is.EqualTo(3));
        Assert.That(written.Rows, Is.EqualTo(ImageFolder.Open(Data).Select("test", null)));
        var (image, mask) = ShapesGenerator.Generate(3, 18, 16);
        var map = deformation.Draw(new(16, 16), 9, 1);
        Assert.That(ImageFile.Read(written.ImagePath(written.Rows[1])).Data.ToArray(),
            Is.EqualTo(map.Apply(image).Data.ToArray()).Within(0.51 / 255));
        Assert.That(ImageFile.Read(written.MaskPath(written.Rows[1])).Data.ToArray(), Is.EqualTo(map.ApplyToMask(mask).Data.ToArray()));
    }

    [TestCase(8, new[] { 0, 1 })]
    [TestCase(8, new[] { 0, 1, 2, 3 })]
    [TestCase(8, new[] { 0, 60, 120, 180 })]
    [TestCase(8, new[] { 0, 2, 255 })]
    [TestCase(8, new[] { 0, 255 })]
    [TestCase(16, new[] { 0, 1, 2 })]
    [TestCase(16, new[] { 0, 300, 65535 })]
    [TestCase(4, new[] { 0, 15 })]
    [TestCase(1, new[] { 0, 1 })]
    public void Deform_KeepsTheValuesOfMasks(int depth, int[] values)
    {
        var random = new SplitMix64(8);
        ushort[] stored = [.. Enumerable.Range(0, 256).Select(i => (ushort)values[(int)(random.Next() % (ulong)values.Length)])];
        foreach (var row in ImageFolder.Open(Data).Rows)
            MaskFile.WritePng(Path.Combine(Data, "masks", row.Name), new StoredMask(16, 16, stored, depth));
        var still = Deformed("none");
        Assert.That(still.Values, Is.EqualTo(stored));
        Assert.That(still.Depth, Is.EqualTo(depth));
        var moved = Deformed("tps");
        Assert.That(moved.Values, Is.Not.EqualTo(stored));
        Assert.That(moved.Distinct(), Is.EqualTo(values));

        StoredMask Deformed(string family)
        {
            var output = Path.Combine(_folder, family);
            DeformedFolder.Write(Data, output, new DeformedFolderOptions { Deformation = Deformation.Create(family), Count = 1 });
            return MaskFile.Read(Path.Combine(output, "masks", "shape-00000.png"));
        }
    }

    [TestCase(0, 1)]
    [TestCase(2, 3)]
    public void Deform_KeepsSixteenBitsOfImages(int colourType, int samples)
    {
        var random = new SplitMix64(9);
        int[] stored = [.. Enumerable.Range(0, 256 * samples).Select(_ => (int)(random.Next() % 65536))];
        File.WriteAllBytes(Path.Combine(Data, "images", "shape-00000.png"), PngBytes.Encode(16, 16, colourType, 16, stored));
        var output = Path.Combine(_folder, "out");
        DeformedFolder.Write(Data, output, new DeformedFolderOptions { Deformation = Deformation.Create("none"), Count = 2 });
        using var wide = ImageFile.ReadContent(Path.Combine(output, "images", "shape-00000.png"));
        using var narrow = ImageFile.ReadContent(Path.Combine(output, "images", "shape-00001.png"));
        Assert.That(PngFile.Read(wide).Samples, Is.EqualTo(stored));
        Assert.That((PngFile.Read(wide).Header.Depth, PngFile.Read(narrow).Header.Depth), Is.EqualTo((16, 8)));
    }

    [Test]
    public void Deform_KeepsPalettesNamesAndLabels()
    {
        byte[] palette = [0, 0, 0, 200, 0, 0];
        File.Move(Path.Combine(Data, "images", "shape-00000.png"), Path.Combine(Data, "images", "a,b.png"));
        MaskFile.WritePng(Path.Combine(Data, "masks", "a,b.png"), new StoredMask(16, 16, new ushort[256], 8) { Palette = palette });
        File.WriteAllText(Path.Combine(Data, "split.csv"), "name,label\n\"a,b.png\",3\n");
        var output = Path.Combine(_folder, "out");
        DeformedFolder.Write(Data, output, new DeformedFolderOptions());
        var row = ImageFolder.Open(output).Rows.Single();
        Assert.That((row.Name, row.Label), Is.EqualTo(("a,b.png", "3")));
        Assert.That(MaskFile.Read(Path.Combine(output, "masks", "a,b.png")).Palette, Is.EqualTo(palette));
    }

    [Test]
    public void Deform_OfAnImageToBeTurned_TurnsItWhereAskedTo_AndNamesIt([Values] bool orients)
    {
        var output = Path.Combine(_folder, "out");
        Directory.Delete(Path.Combine(Data, "masks"), recursive: true);
        var name = ImageFolder.Open(Data).Rows[0].Name;
        var file = PngBytes.Encode(3, 2, 0, 8, [0, 1, 2, 3, 4, 5], exif: ExifBytes.Orientation(6));
        File.WriteAllBytes(Path.Combine(Data, "images", name), file);
        var written = DeformedFolder.Write(
            Data, output, new DeformedFolderOptions { Deformation = new NoDeformation(), Count = 2, Orients = orients });
        var image = ImageFile.Read(Path.Combine(output, "images", name));
        Assert.That((written.Images, image.Height, image.Width), Is.EqualTo(orients ? (2, 3, 2) : (2, 2, 3)));
        Assert.That(written.Turned, Is.EqualTo(new[] { name }));
    }

    [Test]
    public void Deform_OfTwoImagesIntoOneFile_IsRefused()
    {
        File.Delete(Path.Combine(Data, "split.csv"));
        File.Copy(Path.Combine(Data, "images", "shape-00003.png"), Path.Combine(Data, "images", "shape-00003.bmp"));
        Assert.That(() => DeformedFolder.Write(Data, Path.Combine(_folder, "out"), new DeformedFolderOptions()),
            Throws.TypeOf<DataException>().With.Message.Contains("shape-00003.bmp' and")
                .And.Message.Contains("would both be written to 'shape-00003.png'"));
    }

    [Test]
    public void Deform_OfFolderWithoutMasks_WritesImagesOnly()
    {
        Directory.Delete(Path.Combine(Data, "masks"), recursive: true);
        var output = Path.Combine(_folder, "out");
        DeformedFolder.Write(Data, output, new DeformedFolderOptions { Count = 2 });
        Assert.That(Directory.Exists(Path.Combine(output, "masks")), Is.False);
        Assert.That(Directory.GetFiles(Path.Combine(output, "images")), Has.Length.EqualTo(2));
    }

    [Test]
    public void Deform_OfMaskOfOtherSize_NamesIt()
    {
        ImageFile.WritePng(Path.Combine(Data, "masks", "shape-00001.png"), new ImageBuffer(1, 3, 4));
        Assert.That(
            () => DeformedFolder.Write(Data, Path.Combine(_folder, "out"), new DeformedFolderOptions()),
            Throws.TypeOf<DataException>().With.Message.Contains("shape-00001.png' is 4x3 pixels; its image is 16x16."));
    }

    [Test]
    public void Deform_OntoItself_IsRefused([Values("", "/", "link", "images", "masks")] string way)
    {
        var output = way == "/" ? Data + "/" : way.Length == 0 ? Data : Path.Combine(_folder, "out");
        if (way == "link") File.CreateSymbolicLink(output, Data);
        if (way is "images" or "masks")
        {
            Directory.CreateDirectory(output);
            File.CreateSymbolicLink(Path.Combine(output, way), Path.Combine(Data, way));
        }

        Assert.That(() => DeformedFolder.Write(Data, output, new DeformedFolderOptions()),
            Throws.TypeOf<DataException>().With.Message.Contains("itself"));
    }
}
