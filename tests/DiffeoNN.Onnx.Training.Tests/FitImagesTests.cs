using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Training.Fit;

namespace DiffeoNN.Onnx.Training.Tests;

/// <summary>Images as a fit reads them: bad ones, large ones, and what tells them from others.</summary>
public sealed class FitImagesTests
{
    private const int Images = 40;

    private static readonly ImageSpec Spec = InnerTaskTests.Image(1, FitMaterial.Height, FitMaterial.Width);

    [Test]
    public void BadImages_AreToldBeforeAnythingIsTrained_HeldOutOnesToo()
    {
        for (var bad = 0; bad < Images; bad++)
        {
            Assert.That(() => Read(new Altered(bad)), Throws.TypeOf<DataException>()
                .With.Message.EqualTo($"1 of 40 images of 'material' cannot be used: image {bad} is torn.")
                .And.Property(nameof(DataException.HasBadImages)).EqualTo(true));
        }

        Assert.That(() => Read(new Altered(3, 5, 7, 11)), Throws.TypeOf<DataException>().With.Message.Match(
            "^4 of 40 images of 'material' cannot be used: (image [0-9]+ is torn\\. ){3}And 1 more\\.$"));
    }

    [Test]
    public void BadImages_MayBeLeftOut()
    {
        using var all = Read(FitMaterial.Crosses(Images));
        var held = Enumerable.Range(0, all.HeldOut.Count).Select(i => all.HeldOut.Read(i).Name).ToArray();
        var number = int.Parse(held[0].Split(' ')[1]);
        var trained = Enumerable.Range(0, Images).First(i => !held.Contains($"image {i}"));

        using var some = Read(new Altered(number, trained), skips: true);
        Assert.That(some.Skipped, Is.EquivalentTo(new[] { $"image {number} is torn.", $"image {trained} is torn." }));
        Assert.That((some.Training.Count, some.HeldOut.Count), Is.EqualTo((all.Training.Count - 1, all.HeldOut.Count - 1)));
        Assert.That(Enumerable.Range(0, some.HeldOut.Count).Select(i => some.HeldOut.Read(i).Name), Is.EqualTo(held.Skip(1)));
        using var batch = some.Training.Batch([.. Enumerable.Range(0, some.Training.Count)]);
        Assert.That(batch.shape[0], Is.EqualTo(all.Training.Count - 1));

        Assert.That(() => Read(new Altered([.. Enumerable.Range(0, 30)]), skips: true), Throws.TypeOf<DataException>().With.Message.Match(
            "^'material' has 10 images that can be used, besides 30 that cannot \\(the first: image [0-9]+ is torn\\); a fit needs at "
            + "least 20, and some hundreds to be good\\.$"));
    }

    [Test]
    public void Digest_TellsImagesFromOthers()
    {
        using var images = Read(FitMaterial.Crosses(Images));
        using var same = Read(FitMaterial.Crosses(Images));
        Assert.That(same.Digest, Is.EqualTo(images.Digest));
        for (var changed = 0; changed < Images; changed++)
        {
            using var others = Read(new Altered() { Changed = changed });
            using var named = Read(new Altered() { Renamed = changed });
            Assert.That(new[] { others.Digest, named.Digest }, Has.None.EqualTo(images.Digest), $"image {changed}");
        }
    }

    [TestCase(32, 32, 32, 32)]
    [TestCase(64, 64, 64, 64)]
    [TestCase(3000, 3000, 64, 64)]
    [TestCase(3000, 750, 128, 32)]
    [TestCase(100, 10000, 32, 128)]
    [TestCase(10, 100000, 10, 409)]
    public void LargeImages_AreReducedToALittleMoreThanIsLookedAt(int height, int width, int rows, int columns) =>
        Assert.That(ReducedImages.SizeOf(height, width, (32, 32)), Is.EqualTo((rows, columns)));

    [Test]
    public void WhatIsTrueOfALargeImage_IsReducedWithIt()
    {
        var image = new ImageBuffer(1, 401, 201);
        var labels = new byte[401 * 201];
        // A square of 100 x 50 pixels.
        for (var row = 200; row < 300; row++)
        {
            for (var column = 50; column < 100; column++)
            {
                image[0, row, column] = 1;
                labels[(row * 201) + column] = 3;
            }
        }

        var sample = new EvaluationSample("x", image, new LabelMap(401, 201, labels), 7)
        {
            Points = [(0, 0), (200, 400), (50, 200)], Boxes = [new AnswerBox(50, 200, 100, 300) { Class = 2 }], Numbers = [5],
        };

        var reduced = ReducedImages.Reduced(sample, (50, 25));

        var (height, width) = (reduced.Image.Height, reduced.Image.Width);
        Assert.That((height, width), Is.EqualTo((100, 50)));
        double down = 99 / 400.0, across = 49 / 200.0;
        Assert.That(reduced.Points![1].Column, Is.EqualTo(49).Within(1e-9));
        Assert.That(reduced.Points[1].Row, Is.EqualTo(99).Within(1e-9));
        Assert.That(reduced.Points[2].Column, Is.EqualTo(50 * across).Within(1e-9));
        Assert.That(reduced.Points[2].Row, Is.EqualTo(200 * down).Within(1e-9));
        Assert.That(reduced.Boxes![0].Area, Is.EqualTo(50 * 100 * down * across).Within(1e-9));
        Assert.That(reduced.Boxes[0].Class, Is.EqualTo(2));
        Assert.That((reduced.Label, reduced.Numbers![0]), Is.EqualTo((7, 5.0)));
        for (var row = 0; row < height; row++)
        {
            for (var column = 0; column < width; column++)
            {
                Assert.That(
                    reduced.Mask![row, column] == 3,
                    Is.EqualTo(image[0, (int)Math.Round(row / down), (int)Math.Round(column / across)] == 1), $"{row}, {column}");
            }
        }

        Assert.That(ReducedImages.Reduced(sample, (401, 201)), Is.SameAs(sample));
    }

    [Test]
    public void LargeImages_AreHeldOutAtLittleMoreThanTheNetworksSize()
    {
        var large = new Altered() { Factor = 10 };
        using var read = Read(large);
        Assert.That(read.HeldOut.Count, Is.EqualTo(6));
        var (reads, most) = (large.Reads, 4 * FitMaterial.Height * FitMaterial.Width);
        for (var i = 0; i < read.HeldOut.Count; i++)
        {
            var sample = read.HeldOut.Read(i);
            Assert.That(sample.Image.Data.Length, Is.EqualTo(most).Within(most / 10));
            sample.Image.Data.Clear();
            Assert.That(read.HeldOut.Read(i).Image.Data.ToArray().Max(), Is.GreaterThan(0), "what is given is the caller's");
        }

        Assert.That(large.Reads, Is.EqualTo(reads), "reduced images are kept");
        Assert.That(reads, Is.EqualTo(Images), "each is opened once");
    }

    // Share, left, all: seconds. One image takes a second.
    [TestCase(100, 1000, 1000, 32, 256, 100)]
    [TestCase(500, 1000, 1000, 32, 256, 256)]
    [TestCase(30, 30, 1000, 32, 256, 32)]
    [TestCase(1, 1000, 1000, 32, 256, 32)]
    [TestCase(1, 40, 100, 32, 256, 10)]
    [TestCase(0, 0, 400, 32, 256, 20)]
    [TestCase(-50, -10, 10, 32, 256, 4)]
    [TestCase(-50, -10, 10, 3, 3, 3)]
    public void LeastNumberOfImages_YieldsToTheTime(int share, int left, int all, int least, int most, int expected) => Assert.That(
        SettingsChoice.Within(
            TimeSpan.FromSeconds(share), TimeSpan.FromSeconds(left), TimeSpan.FromSeconds(all), 1, least, most), Is.EqualTo(expected));

    private static FitImages Read(IEvaluationData images, bool skips = false) =>
        FitImages.Read(images, null, Spec, new FitOptions { SkipsBad = skips });

    /// <summary>Crosses, some of them altered.</summary>
    private sealed class Altered(params int[] torn) : IEvaluationData
    {
        private readonly FitMaterial _images = FitMaterial.Crosses(Images);

        public string Name => _images.Name;

        public string? Split => null;

        public string? Source => null;

        public int Count => _images.Count;

        public int Changed { get; init; } = -1;

        public int Renamed { get; init; } = -1;

        public int Factor { get; init; } = 1;

        public int Reads { get; private set; }

        public EvaluationSample Read(int index)
        {
            Reads++;
            if (torn.Contains(index)) throw new ImageException($"image {index} is torn.");
            var sample = _images.Read(index);
            if (index == Changed) sample.Image[0, 3, 3] = 1 - sample.Image[0, 3, 3];
            var (height, width) = (Factor * FitMaterial.Height, Factor * FitMaterial.Width);
            if (Factor > 1) sample = sample with { Image = ImageResampler.Resize(sample.Image, height, width) };
            return index == Renamed ? sample with { Name = "another" } : sample;
        }
    }
}
