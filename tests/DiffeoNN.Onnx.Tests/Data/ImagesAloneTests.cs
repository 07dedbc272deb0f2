using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Tests.Data;

/// <summary>Images without truth: folders of any depth, folders with split.csv, IDX files, generated shapes.</summary>
[TestFixture]
internal sealed class ImagesAloneTests
{
    private static readonly EvaluationTask Task = new(OutputKind.Segmentation, 2) { Channels = 1, IsAgreement = true };
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void CreateFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void AFolderOfFolders_IsEnteredToAnyDepth_SortedByPath()
    {
        Write("dogs/b.png", "dogs/a.png", "cats/deep/er/z.png", "cats/y.png", "root.png", ".hidden/x.png", "dogs/._a.png");
        File.WriteAllText(_folder["dogs/notes.txt"], "no image");
        var data = Open();
        Assert.That(Names(data), Is.EqualTo(new[] { "cats/deep/er/z.png", "cats/y.png", "dogs/a.png", "dogs/b.png", "root.png" }));
        Assert.That((data.Name, data.Split, data.Source, data.Problems.Count),
            Is.EqualTo((_folder.Path, (string?)null, (string?)null, 0)));
        Assert.That((data.Read(0).Mask, data.Read(0).Label), Is.EqualTo(((LabelMap?)null, (int?)null)));
        Assert.That(Names(Open(new EvaluationSelection { Count = 2 })), Is.EqualTo(new[] { "cats/deep/er/z.png", "cats/y.png" }));
        Assert.That(EvaluationData.HasSplits(_folder.Path), Is.False);
    }

    [Test]
    public void LinksInACircle_AreFollowedOnce()
    {
        if (OperatingSystem.IsWindows()) Assert.Ignore("Links need rights there.");
        Write("z/a.png");
        Directory.CreateSymbolicLink(_folder["z/up"], _folder.Path);
        Directory.CreateSymbolicLink(_folder["again"], _folder["z"]);
        using var elsewhere = new TemporaryFolder();
        ImageFile.WritePng(elsewhere["far.png"], Grey(4, 6));
        Directory.CreateSymbolicLink(_folder["linked"], elsewhere.Path);
        Assert.That(Names(Open()), Is.EqualTo(new[] { "linked/far.png", "z/a.png" }));
    }

    [Test]
    public void ImagesOfAListOrAll_NeedNoMasksOrLabels()
    {
        Write("images/c.png", "images/a.png", "images/sub/b.png", "other/d.png");
        Assert.That(Names(Open()), Is.EqualTo(new[] { "a.png", "c.png", "sub/b.png" }), "without split.csv what images/ holds");
        File.WriteAllText(_folder["split.csv"], "name,split,source\nc.png,test,x\na.png,train,y\n");
        Assert.That(Names(Open()), Is.EqualTo(new[] { "c.png", "a.png" }), "all rows");
        Assert.That(Open().Split, Is.Null);
        Assert.That(Names(Open(new EvaluationSelection { Split = "train" })), Is.EqualTo(new[] { "a.png" }));
        Assert.That(Names(Open(new EvaluationSelection { Source = "x" })), Is.EqualTo(new[] { "c.png" }));
        Assert.That(() => Open(new EvaluationSelection { Split = "val" }), Throws.TypeOf<DataException>().With.Message.EqualTo(
            $"'{_folder.Path}' has no image of split 'val'. Splits: 'test', 'train'. Sources: 'x', 'y'. Take another one, for instance by "
            + "--split test."));
        Assert.That(EvaluationData.HasSplits(_folder.Path));
        File.WriteAllText(_folder["split.csv"], "name\nc.png\n");
        Assert.That(EvaluationData.HasSplits(_folder.Path), Is.False);
    }

    [Test]
    public void BadImages_AreToldByRead()
    {
        Write("a.png");
        File.WriteAllText(_folder["b.png"], "no picture");
        ImageFile.WritePng(_folder["c.png"], Grey(1, 6));
        ImageFile.WritePng(_folder["d.png"], new ImageBuffer(3, 4, 4));
        var data = EvaluationData.OpenImages(_folder.Path, Task with { Channels = 2 });
        Assert.That(() => data.Read(1), Throws.TypeOf<ImageException>().With.Message.Contains(_folder["b.png"]));
        Assert.That(() => data.Read(2), Throws.TypeOf<ImageException>().With.Message.EqualTo(
            $"'{_folder["c.png"]}' is 6x1 pixels; at least 2x2 are needed."));
        Assert.That(() => data.Read(3), Throws.TypeOf<ImageException>().With.Message.EqualTo(
            $"'{_folder["d.png"]}' has 3 channels, and the bundle takes 2; only grey and RGB become each other."));
        var check = DataCheck.Of(Open(), skipBad: true);
        Assert.That((check.Usable, check.Skipped.Count), Is.EqualTo((new[] { 0, 3 }, 2)));
    }

    [Test]
    public void WhatHoldsNoImages_IsRefused()
    {
        Directory.CreateDirectory(_folder["empty"]);
        Assert.That(() => EvaluationData.OpenImages(_folder["empty"], Task), Throws.TypeOf<DataException>().With.Message.EqualTo(
            $"'{_folder["empty"]}' and the folders in it hold no images ({string.Join(", ", ImageFile.Extensions)}); hidden ones do not "
            + "count."));
        const string expected = "images are a folder of them, a folder with MNIST's IDX files, or 'shapes' for generated ones.";
        Assert.That(() => EvaluationData.OpenImages(_folder["none"], Task), Throws.TypeOf<DataException>().With.Message.EqualTo(
            $"'{_folder["none"]}' does not exist; {expected}"));
        Write("a.png");
        Assert.That(() => EvaluationData.OpenImages(_folder["a.png"], Task), Throws.TypeOf<DataException>().With.Message.EqualTo(
            $"'{_folder["a.png"]}' is a file; {expected}"));
        Assert.That(() => Open(new EvaluationSelection { Split = "val" }), Throws.TypeOf<DataException>().With.Message.EqualTo(
            $"'{_folder.Path}' has no image of split 'val': images without split.csv have neither splits nor sources. Ask for none, or "
            + "write split.csv beside a folder images/."));
    }

    [Test]
    public void DigitsAndShapes_NeedNoTruthThatFits()
    {
        // A ring with two holes, and labels that are no digits.
        byte[] pixels = [9, 9, 9, 9, 9];
        File.WriteAllBytes(_folder["t10k-images-idx3-ubyte"],
            [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 5, .. pixels, .. pixels, .. pixels, .. pixels]);
        File.WriteAllBytes(_folder["t10k-labels-idx1-ubyte"], [0, 0, 8, 1, 0, 0, 0, 1, 77]);
        var digits = Open();
        Assert.That((digits.Count, digits.Split, digits.Read(1).Name), Is.EqualTo((2, "test", "t10k-00001")));
        Assert.That((digits.Read(1).Label, EvaluationData.HasSplits(_folder.Path)), Is.EqualTo(((int?)null, true)));

        var shapes = EvaluationData.OpenImages("shapes", Task, new EvaluationSelection { Split = "val", Count = 3 });
        Assert.That((shapes.Count, shapes.Split, shapes.Read(2).Mask), Is.EqualTo((3, "val", (LabelMap?)null)));
        Assert.That(shapes.Read(2).Image.Data.ToArray(), Is.EqualTo(
            EvaluationData.Open("shapes", Task with { IsAgreement = false }, new EvaluationSelection { Split = "val", Count = 3 })
                .Read(2).Image.Data.ToArray()));
        Assert.That(EvaluationData.HasSplits("shapes"));
    }

    private IEvaluationData Open(EvaluationSelection? selection = null) => EvaluationData.OpenImages(_folder.Path, Task, selection);

    private static string[] Names(IEvaluationData data) => [.. Enumerable.Range(0, data.Count).Select(i => data.Read(i).Name)];

    private void Write(params string[] names)
    {
        foreach (var name in names)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(_folder[name])!);
            ImageFile.WritePng(_folder[name], Grey(4, 6));
        }
    }

    private static ImageBuffer Grey(int height, int width)
    {
        var image = new ImageBuffer(1, height, width);
        image.Data.Fill(0.5f);
        return image;
    }
}
