using System.IO.Compression;
using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Evaluation;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Tests.Evaluation;

namespace DiffeoNN.Onnx.Tests.Data;

/// <summary>Folders, IDX files and generated shapes, good and bad.</summary>
public sealed class EvaluationDataTests
{
    private static readonly EvaluationTask Segments = new(OutputKind.Segmentation, 2);
    private static readonly EvaluationTask Classifies = new(OutputKind.Classification, 3);
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void CreateFolder()
    {
        _folder = new TemporaryFolder();
        Directory.CreateDirectory(_folder["images"]);
        Directory.CreateDirectory(_folder["masks"]);
        foreach (var name in new[] { "a", "b", "c" })
        {
            ImageFile.WritePng(_folder[$"images/{name}.png"], Constant(4, 6, 0.5f));
            ImageFile.WritePng(_folder[$"masks/{name}.png"], Constant(4, 6, 1));
        }
    }

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void AFolderWithoutSplits_IsTakenWhole()
    {
        var data = EvaluationData.Open(_folder.Path, Segments);
        Assert.That((data.Count, data.Split, data.Source), Is.EqualTo((3, (string?)null, (string?)null)));
        Assert.That(data.Read(1).Name, Is.EqualTo("b.png"));
        Assert.That(data.Read(1).Mask!.Labels.ToArray(), Is.All.EqualTo(1));
    }

    [Test]
    public void AFolderWithSplits_GivesTestByDefault()
    {
        File.WriteAllText(_folder["split.csv"], "name,split,source\nc.png,test,x\na.png,train,x\nb.png,test,y\n");
        Assert.That(EvaluationData.Open(_folder.Path, Segments).Split, Is.EqualTo("test"));
        Assert.That(EvaluationData.Open(_folder.Path, Segments).Count, Is.EqualTo(2));
        var y = EvaluationData.Open(_folder.Path, Segments, new EvaluationSelection { Split = "test", Source = "y" });
        Assert.That((y.Count, y.Read(0).Name), Is.EqualTo((1, "b.png")));
        Assert.That(() => EvaluationData.Open(_folder.Path, Segments, new EvaluationSelection { Split = "val" }),
            Throws.TypeOf<DataException>().With.Message.Contains("split 'val'").And.Message.Contains("'test', 'train'"));
    }

    [Test]
    public void Check_NamesWhatIsWrong_OrLeavesItOut()
    {
        File.Delete(_folder["masks/a.png"]);
        ImageFile.WritePng(_folder["masks/b.png"], Constant(4, 5, 1));
        var data = EvaluationData.Open(_folder.Path, Segments);
        Assert.That(() => DataCheck.Of(data), Throws.TypeOf<DataException>().With.Message.Contains("a.png' has no mask"));
        var check = DataCheck.Of(data, skipBad: true);
        Assert.That(check.Usable, Is.EqualTo(new[] { 2 }));
        Assert.That(check.Skipped, Has.Count.EqualTo(2));
        Assert.That(check.Skipped[1], Does.Contain("b.png' is 5x4 pixels; its image is 6x4"));
        File.WriteAllText(_folder["images/c.png"], "no picture");
        Assert.That(() => DataCheck.Of(data, skipBad: true), Throws.TypeOf<DataException>().With.Message.Contains("None of the 3 images"));
    }

    [Test]
    public void TruthThatIsNotThere_MayBeDoneWithout_WhatIsBadMayNot()
    {
        File.Delete(_folder["masks/a.png"]);
        ImageFile.WritePng(_folder["masks/b.png"], Constant(4, 5, 1));
        var masks = (IPartlyKnownData)EvaluationData.Open(_folder.Path, Segments);
        Assert.That((masks.ReadKnown(0).Name, masks.ReadKnown(0).Mask), Is.EqualTo(("a.png", (LabelMap?)null)));
        Assert.That(() => masks.ReadKnown(1), Throws.TypeOf<DataException>().With.Message.Contains("is 5x4 pixels; its image is 6x4"));
        Assert.That(masks.ReadKnown(2).Mask, Is.Not.Null);

        File.WriteAllText(_folder["split.csv"], "name,label,numbers\na.png,,\nb.png,7,x\nc.png,2,1.5\n");
        var labels = (IPartlyKnownData)EvaluationData.Open(_folder.Path, Classifies);
        Assert.That(labels.ReadKnown(0).Label, Is.Null);
        Assert.That(() => labels.ReadKnown(1), Throws.TypeOf<DataException>().With.Message.Contains("has the label '7'"));
        Assert.That(labels.ReadKnown(2).Label, Is.EqualTo(2));
        var numbers = (IPartlyKnownData)EvaluationData.Open(_folder.Path, new EvaluationTask(OutputKind.Regression, 1));
        Assert.That(numbers.ReadKnown(0).Numbers, Is.Null);
        Assert.That(() => numbers.ReadKnown(1), Throws.TypeOf<DataException>().With.Message.Contains("has the numbers 'x'"));
        Assert.That(numbers.ReadKnown(2).Numbers, Is.EqualTo(new[] { 1.5 }));

        File.WriteAllText(_folder["points.csv"], "name,column,row\nb.png,1,1\nc.png,1,1\nc.png,2,2\n");
        var points = (IPartlyKnownData)EvaluationData.Open(_folder.Path, new EvaluationTask(OutputKind.Points, 2));
        Assert.That(points.ReadKnown(0).Points, Is.Null);
        Assert.That(() => points.ReadKnown(1), Throws.TypeOf<DataException>().With.Message.Contains("has 1 points of 'b.png'"));
        Assert.That(points.ReadKnown(2).Points, Is.EqualTo(new[] { (1.0, 1.0), (2, 2) }));
        Assert.That(
            () => EvaluationData.Open(_folder.Path, new EvaluationTask(OutputKind.Points, 2)).Read(0),
            Throws.TypeOf<DataException>().With.Message.Contains("has 0 points of 'a.png'"));
    }

    [Test]
    public void Check_OfAListWithMalformedLines_StopsAtOnceOrLeavesThemOut()
    {
        File.WriteAllText(_folder["split.csv"], "name,split\na.png,test\nb.png\n../c.png,test\nc.png,test\na.png,val\n");
        File.WriteAllText(_folder["images/a.png"], "no picture");
        var data = EvaluationData.Open(_folder.Path, Segments);
        Assert.That(data.Count, Is.EqualTo(2));
        Assert.That(() => DataCheck.Of(data), Throws.TypeOf<DataException>().With.Message.Contains("line 3 has 1 fields"));
        var check = DataCheck.Of(data, skipBad: true);
        Assert.That(check.Usable, Is.EqualTo(new[] { 1 }));
        string[] parts = ["line 3 has 1 fields", "line 4 names '../c.png'", "line 6 names 'a.png' again, after line 2", "a.png"];
        Assert.That(check.Skipped, Has.Count.EqualTo(parts.Length));
        for (var i = 0; i < parts.Length; i++) Assert.That(check.Skipped[i], Does.Contain(parts[i]));
    }

    [Test]
    public void AListOfLabelsNeedsNoSplits()
    {
        File.WriteAllText(_folder["split.csv"], "name,label\nc.png,1\na.png,0\n");
        var data = EvaluationData.Open(_folder.Path, Classifies);
        Assert.That((data.Count, data.Split, data.Read(0).Name, data.Read(0).Label), Is.EqualTo((2, (string?)null, "c.png", 1)));
    }

    [TestCase(1, true)]
    [TestCase(3, true)]
    [TestCase(2, false)]
    [TestCase(4, false)]
    public void Images_AreOfChannelsTheBundleCanTake_OrNamed(int channels, bool fits)
    {
        var data = EvaluationData.Open(_folder.Path, Segments with { Channels = channels });
        var shapes = EvaluationData.Open("shapes", Segments with { Channels = channels });
        if (fits)
        {
            Assert.That(DataCheck.Of(data).Usable, Has.Count.EqualTo(3));
            Assert.That(() => shapes.Read(0), Throws.Nothing);
            return;
        }

        Assert.That(() => DataCheck.Of(data),
            Throws.TypeOf<ImageException>().With.Message.Contains($"a.png' has 1 channels, and the bundle takes {channels}"));
        Assert.That(() => shapes.Read(0), Throws.TypeOf<ImageException>().With.Message.Contains("'shapes' has 1 channels"));
    }

    [TestCase(2, 0f, 0)]
    [TestCase(2, 1f, 1)]
    [TestCase(2, 1 / 255f, 1)]
    [TestCase(4, 3 / 255f, 3)]
    public void Masks_HoldLevelsOrClasses(int classes, float level, int expected)
    {
        ImageFile.WritePng(_folder["masks/a.png"], Constant(4, 6, level));
        var data = EvaluationData.Open(_folder.Path, Segments with { Classes = classes });
        Assert.That(data.Read(0).Mask!.Labels.ToArray(), Is.All.EqualTo(expected));
    }

    [TestCase(2, 2)]
    [TestCase(2, 200)]
    [TestCase(4, 4)]
    public void Masks_WithLabelsOutOfRange_AreRefused(int classes, int level)
    {
        ImageFile.WritePng(_folder["masks/a.png"], Constant(4, 6, level / 255f));
        var data = EvaluationData.Open(_folder.Path, Segments with { Classes = classes });
        Assert.That(() => data.Read(0),
            Throws.TypeOf<DataException>().With.Message.Contains($"a.png' holds the label {level}; expected 0 to {classes - 1}"));
    }

    [Test]
    public void Masks_OfSixteenBits_HoldWhatIsStored([Values(1, 255, 65535)] int level)
    {
        MaskFile.WritePng(
            _folder["masks/a.png"], new StoredMask(4, 6, [.. Enumerable.Range(0, 24).Select(i => (ushort)(i < 9 ? level : 0))], 16));
        if (level == 1)
            foreach (var name in new[] { "b", "c" }) File.Copy(_folder["masks/a.png"], _folder[$"masks/{name}.png"], overwrite: true);
        var data = EvaluationData.Open(_folder.Path, Segments);
        Assert.That(data.Read(0).Mask!.Labels.ToArray(), Is.EqualTo(Enumerable.Range(0, 24).Select(i => i < 9 ? 1 : 0)));
    }

    [Test]
    public void Masks_AreReadInTheLightOfTheOthers()
    {
        MaskFile.WritePng(_folder["masks/b.png"], new StoredMask(4, 6, [1, 255, .. new ushort[22]], 8));
        MaskFile.WritePng(_folder["masks/c.png"], new StoredMask(4, 6, [255, .. new ushort[23]], 8));
        var data = EvaluationData.Open(_folder.Path, Segments);
        Assert.That(() => data.Read(0), Throws.TypeOf<DataException>().With.Message.Contains("nothing is left to score"));
        Assert.That(data.Read(2).Mask!.Labels.ToArray(), Is.EqualTo(new byte[] { LabelMap.Ignored }.Concat(new byte[23])));
        var alone = EvaluationData.Open(_folder.Path, Segments, new EvaluationSelection { Count = 1 });
        Assert.That(alone.Read(0).Mask!.Labels.ToArray(), Is.All.EqualTo(1), "the selection is what is read together");
    }

    [Test]
    public void HiddenFiles_AreNoImages()
    {
        File.WriteAllText(_folder["images/._a.png"], "a finder's notes");
        Assert.That(EvaluationData.Open(_folder.Path, Segments).Count, Is.EqualTo(3));
        foreach (var file in Directory.GetFiles(_folder["images"], "?.png")) File.Delete(file);
        Assert.That(() => EvaluationData.Open(_folder.Path, Segments),
            Throws.TypeOf<DataException>().With.Message.Contains("holds no images"));
    }

    [Test]
    public void QuotedFields_AreRead_AndStrayQuotesAreNamed()
    {
        File.Move(_folder["images/a.png"], _folder["images/a,b.png"]);
        File.Move(_folder["masks/a.png"], _folder["masks/a,b.png"]);
        File.WriteAllText(_folder["split.csv"], "\"name\",\"split\"\r\n\"a,b.png\",\"test\"\r\nb.png,test\r\n");
        var data = EvaluationData.Open(_folder.Path, Segments);
        Assert.That((data.Count, data.Read(0).Name), Is.EqualTo((2, "a,b.png")));
        File.WriteAllText(_folder["split.csv"], "name,split\nb.png,\"test\nc.png,test\n");
        Assert.That(() => EvaluationData.Open(_folder.Path, Segments),
            Throws.TypeOf<DataException>().With.Message.Contains("lines 2 to 3 have a quote"));
        File.WriteAllText(_folder["split.csv"], "name,split,split\n");
        Assert.That(() => EvaluationData.Open(_folder.Path, Segments),
            Throws.TypeOf<DataException>().With.Message.Contains("column 'split' 2 times"));
    }

    [Test]
    public void Classifications_TakeLabelsFromTheSplit()
    {
        File.WriteAllText(_folder["split.csv"], "name,split,label\na.png,test,2\nb.png,test,3\nc.png,test,\n");
        var data = EvaluationData.Open(_folder.Path, Classifies);
        Assert.That(data.Read(0).Label, Is.EqualTo(2));
        Assert.That(() => data.Read(1),
            Throws.TypeOf<DataException>().With.Message.Contains("b.png' has the label '3'").And.Message.Contains("0 to 2"));
        Assert.That(() => data.Read(2), Throws.TypeOf<DataException>().With.Message.Contains("c.png' has the label ''"));
        File.WriteAllText(_folder["split.csv"], "name,split\na.png,test\n");
        Assert.That(() => EvaluationData.Open(_folder.Path, Classifies),
            Throws.TypeOf<DataException>().With.Message.Contains("no column label"));
        File.Delete(_folder["split.csv"]);
        Assert.That(() => EvaluationData.Open(_folder.Path, Classifies),
            Throws.TypeOf<DataException>().With.Message.Contains("split.csv' is missing; the answers"));
    }

    [Test]
    public void Data_WithoutTheTruthThatIsNeeded_IsRefused()
    {
        Directory.Delete(_folder["masks"], recursive: true);
        Assert.That(() => EvaluationData.Open(_folder.Path, Segments),
            Throws.TypeOf<DataException>().With.Message.Contains("no folder masks/"));
        Assert.That(() => EvaluationData.Open("shapes", Classifies),
            Throws.TypeOf<DataException>().With.Message.Contains("generated shapes"));
        Assert.That(() => EvaluationData.Open(_folder["nowhere"], Segments),
            Throws.TypeOf<DataException>().With.Message.Contains("does not exist"));
        Assert.That(() => EvaluationData.Open(_folder["images"], Segments),
            Throws.TypeOf<DataException>().With.Message.Contains("holds images without the truth about them"));
    }

    [Test]
    public void Shapes_OfTwoSplits_ShareNoImage()
    {
        var test = EvaluationData.Open("shapes", Segments, new EvaluationSelection { Count = 4, Seed = 5 });
        var val = EvaluationData.Open("shapes", Segments, new EvaluationSelection { Count = 4, Seed = 5, Split = "val" });
        string[] names = [.. Enumerable.Range(0, 4).SelectMany(i => new[] { test.Read(i).Name, val.Read(i).Name })];
        Assert.That(names, Is.Unique);
        Assert.That(names[0], Is.EqualTo("shape-00017"));
        float[] first = test.Read(0).Image.Data.ToArray(), again = test.Read(0).Image.Data.ToArray();
        Assert.That(again, Is.EqualTo(first));
        Assert.That(EvaluationData.Open("shapes", Segments).Count, Is.EqualTo(500));
    }

    [TestCase(true)]
    [TestCase(false)]
    public void Idx_IsReadPlainAndPacked(bool packed)
    {
        using var folder = new TemporaryFolder();
        WriteIdx(folder, "t10k", 3, 3, packed);
        WriteIdx(folder, "train", 12, 12, packed);
        var test = EvaluationData.Open(folder.Path, Classifies);
        Assert.That((test.Count, test.Split, test.Read(2).Name, test.Read(2).Label), Is.EqualTo((3, "test", "t10k-00002", 0)));
        Assert.That(test.Read(1).Image.Data.ToArray(), Is.All.EqualTo(1 / 255f));
        Assert.That(() => EvaluationData.Open(folder.Path, Classifies, new EvaluationSelection { Split = "train" }),
            Throws.TypeOf<DataException>().With.Message.Contains("the last 5000 are val"));
        var val = EvaluationData.Open(folder.Path, Classifies, new EvaluationSelection { Split = "val" });
        Assert.That((val.Count, val.Read(0).Name), Is.EqualTo((12, "train-00000")));
    }

    [Test]
    public void Idx_ThatIsBroken_IsNamed()
    {
        using var folder = new TemporaryFolder();
        WriteIdx(folder, "t10k", 3, 4, false);
        Refused("holds 4 labels", "holds 3 images");
        WriteIdx(folder, "t10k", 3, 3, false);
        var images = folder["t10k-images-idx3-ubyte"];
        var good = File.ReadAllBytes(images);
        File.WriteAllBytes(images, good[..^1]);
        Refused("t10k-images-idx3-ubyte' is truncated");
        File.WriteAllBytes(images, [.. good, 0]);
        Refused("goes on after");
        File.WriteAllBytes(images, [9, .. good[1..]]);
        Refused("starts with 09000803");
        File.WriteAllBytes(images, [.. good[..4], 0xFF, .. good[5..]]);
        Refused("expected positive sizes");
        File.Delete(images);
        File.WriteAllText(images + ".gz", "no gzip");
        Refused("cannot be read");
        WriteIdx(folder, "t10k", 3, 3, true);
        Refused(Segments, "digits");

        void Refused(params object[] parts)
        {
            var task = parts[0] as EvaluationTask ?? Classifies;
            var thrown = Assert.Throws<DataException>(() => EvaluationData.Open(folder.Path, task));
            foreach (var part in parts.OfType<string>()) Assert.That(thrown!.Message, Does.Contain(part));
        }
    }

    [Test]
    public void Idx_WithALabelThatIsNoDigit_IsABadSample()
    {
        using var folder = new TemporaryFolder();
        WriteIdx(folder, "t10k", 3, 3, false);
        var labels = File.ReadAllBytes(folder["t10k-labels-idx1-ubyte"]);
        labels[^1] = 10;
        File.WriteAllBytes(folder["t10k-labels-idx1-ubyte"], labels);
        var data = EvaluationData.Open(folder.Path, Classifies);
        Assert.That(() => DataCheck.Of(data), Throws.TypeOf<DataException>().With.Message.Contains("labels item 2 as 10"));
        Assert.That(DataCheck.Of(data, skipBad: true).Usable, Is.EqualTo(new[] { 0, 1 }));
    }

    /// <summary>Images of 4x5 pixels, image i of the level i.</summary>
    private static void WriteIdx(TemporaryFolder folder, string set, int images, int labels, bool packed)
    {
        Write($"{set}-images-idx3-ubyte",
            [0, 0, 8, 3, 0, 0, 0, (byte)images, 0, 0, 0, 4, 0, 0, 0, 5, .. Enumerable.Range(0, images * 20).Select(i => (byte)(i / 20))]);
        Write($"{set}-labels-idx1-ubyte", [0, 0, 8, 1, 0, 0, 0, (byte)labels, .. Enumerable.Range(0, labels).Select(i => (byte)(i % 10))]);

        void Write(string name, byte[] bytes)
        {
            using Stream file = File.Create(folder[packed ? name + ".gz" : name]);
            using var stream = packed ? new GZipStream(file, CompressionLevel.Fastest) : file;
            stream.Write(bytes);
        }
    }

    private static ImageBuffer Constant(int height, int width, float value)
    {
        var image = new ImageBuffer(1, height, width);
        image.Data.Fill(value);
        return image;
    }
}
