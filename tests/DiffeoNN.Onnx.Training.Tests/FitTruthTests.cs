using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Training.Fit;
using TorchSharp;

namespace DiffeoNN.Onnx.Training.Tests;

/// <summary>What is true of images, as a fit reads it and learns from it.</summary>
public sealed class FitTruthTests
{
    private const int Images = 40;
    private const int Height = FitMaterial.Height;
    private const int Width = FitMaterial.Width;

    private static readonly ImageSpec Spec = InnerTaskTests.Image(1, Height, Width);

    private static int NumberOf(EvaluationSample sample) => int.Parse(sample.Name.Split(' ')[1]);

    /// <summary>Ink, the corner ignored.</summary>
    private static EvaluationSample Masked(EvaluationSample sample)
    {
        byte[] labels = [.. sample.Image.Data.ToArray().Select(value => (byte)(value > 0.3f ? 1 : 0))];
        labels[0] = LabelMap.Ignored;
        return sample with { Mask = new LabelMap(sample.Image.Height, sample.Image.Width, labels) };
    }

    [Test]
    public void Masks_AreKeptAtTheBundlesSizeInAByteForEachPixel()
    {
        using var truth = new FitTruth(TruthForm.Mask, 2, isKept: true);
        // Twice as large as the bundle's images; image 7 has no mask.
        var large = FitMaterial.Crosses(Images, truth: sample => NumberOf(sample) == 7 ? Doubled(sample) : Masked(Doubled(sample)));
        var four = FitMaterial.Crosses(4, 2, truth: sample => Masked(Doubled(sample)));
        using var images = Read(large, truth, four);
        var training = images.Training;
        Assert.That(training.Masks!.dtype, Is.EqualTo(torch.ScalarType.Byte));
        Assert.That(training.Masks.shape, Is.EqualTo(new long[] { Images, Height, Width }));
        Assert.That(training.Known, Is.EqualTo(Enumerable.Range(0, Images).Select(i => i != 7)));
        var found = training.Masks.data<byte>().ToArray();
        for (var i = 0; i < Images; i++)
        {
            var mask = i == 7 ? null : large.Read(i).Mask;
            for (var p = 0; p < Height * Width; p++)
            {
                var row = (int)Math.Round((p / Width) * ((2 * Height) - 1.0) / (Height - 1));
                var column = (int)Math.Round((p % Width) * ((2 * Width) - 1.0) / (Width - 1));
                Assert.That(found[(i * Height * Width) + p], Is.EqualTo(mask?[row, column] ?? 0), $"{i}, {p}");
            }
        }

        static EvaluationSample Doubled(EvaluationSample sample) =>
            sample with { Image = ImageResampler.Resize(sample.Image, 2 * Height, 2 * Width) };
    }

    [Test]
    public void Places_AreInUnitsOfTheImagesAxes()
    {
        using var truth = new FitTruth(TruthForm.Points, 2, isKept: true);
        EvaluationSample Pointed(EvaluationSample sample) =>
            sample with { Points = [(0, 0), (Width - 1, NumberOf(sample) * (Height - 1) / 80.0)] };
        using (var images = Read(With(Pointed), truth))
        {
            var points = images.Training.Points!;
            Assert.That(points.shape, Is.EqualTo(new long[] { images.Training.Count, 2, 2 }));
            Assert.That(images.Training.Known, Is.Null);
            var numbers = points.data<float>().ToArray();
            Assert.That(numbers.Chunk(4).Select(own => (own[0], own[1], own[2])), Is.All.EqualTo((-1f, -1f, 1f)));
            // Numbers of the images that are trained on, in order.
            Assert.That(numbers.Chunk(4).Select(own => Math.Round((own[3] + 1) * 40)), Is.Ordered.And.Unique);
        }

        using var boxed = new FitTruth(TruthForm.Boxes, 0, isKept: true);
        using var others = Read(
            With(sample => sample with { Boxes = NumberOf(sample) % 2 == 0 ? [] : [new AnswerBox(0, 0, Width - 1, (Height - 1) / 2.0)] }),
            boxed);
        var boxes = others.Training.Boxes!;
        Assert.That(boxes.shape, Is.EqualTo(new long[] { others.Training.Count, 1, 4 }));
        var told = boxes.data<float>().ToArray().Chunk(4).Where(own => !float.IsNaN(own[0])).ToArray();
        Assert.That(told, Has.Length.InRange(10, 24));
        Assert.That(told, Is.All.EqualTo(new[] { -1f, -1, 1, 0 }).Within(1e-6));
    }

    [Test]
    public void LabelsAndNumbers_AreThoseOfTheImages()
    {
        using var truth = new FitTruth(TruthForm.Label, Images, isKept: true);
        using var images = Read(With(sample => sample with { Label = NumberOf(sample) }), truth);
        var labels = images.Training.Labels!.data<long>().ToArray();
        using var numbered = new FitTruth(TruthForm.Numbers, 1, isKept: true);
        using var others = Read(With(sample => sample with { Numbers = [NumberOf(sample)] }), numbered);
        Assert.That(others.Training.Numbers!.data<float>().ToArray(), Is.EqualTo(labels.Select(label => (float)label)));
        var held = Enumerable.Range(0, images.HeldOut.Count).Select(i => NumberOf(images.HeldOut.Read(i)));
        Assert.That(labels.Select(label => (int)label).Concat(held), Is.EquivalentTo(Enumerable.Range(0, Images)));
        Assert.That(labels, Is.Ordered);
    }

    [Test]
    public void BadTruth_IsToldBeforeAnythingIsTrained_OrLeftOut()
    {
        (TruthForm, int, Func<EvaluationSample, EvaluationSample>, Func<EvaluationSample, EvaluationSample>, string)[] cases =
        [
            (TruthForm.Label, 3, sample => sample with { Label = 2 }, sample => sample with { Label = 3 },
                "is of class 3; the network knows 3, from 0 to 2."),
            (TruthForm.Mask, 2, Masked,
                sample => sample with { Mask = new LabelMap(Height, Width, [.. Enumerable.Repeat((byte)4, Height * Width)]) },
                "has a mask with class 4; the network knows 2, from 0 to 1."),
            (TruthForm.Mask, 2, Masked, sample => sample with { Mask = new LabelMap(1, 2, [0, 1]) },
                "has a mask of 2x1 pixels; it has 20x16 itself."),
            (TruthForm.Points, 1, sample => sample with { Points = [(1, 1)] }, sample => sample with { Points = [(1, 1), (2, 2)] },
                "has 2 points; the network answers with 1."),
            (TruthForm.Numbers, 1, sample => sample with { Numbers = [1] }, sample => sample with { Numbers = [double.NaN] },
                "has numbers that are not finite."),
            (TruthForm.Boxes, 0, sample => sample with { Boxes = [] }, sample => sample with { Boxes = [new AnswerBox(2, 0, 1, 1)] },
                "has a box whose right or bottom is before its left or top, or is no number."),
        ];
        foreach (var (form, count, good, bad, text) in cases)
        {
            var images = With(sample => NumberOf(sample) is 5 or 21 ? bad(sample) : good(sample));
            using var truth = new FitTruth(form, count, isKept: true);
            string[] lines = [$"'material' image 'image 5' {text}", $"'material' image 'image 21' {text}"];
            var error = Assert.Throws<DataException>(() => Read(images, truth))!;
            Assert.That(error.HasBadImages, Is.True);
            Assert.That(error.Message, Does.StartWith("2 of 40 images of 'material' cannot be used: ").And.Contain(lines[0])
                .And.Contain(lines[1]));
            using var again = new FitTruth(form, count, isKept: true);
            using var some = Read(images, again, skips: true);
            Assert.That(some.Skipped, Is.EquivalentTo(lines));
            Assert.That(some.Training.Count + some.HeldOut.Count, Is.EqualTo(Images - 2));
            Assert.That((some.Training.Masks ?? some.Training.Labels ?? some.Training.Points ?? some.Training.Numbers
                ?? some.Training.Boxes)!.shape[0], Is.EqualTo(some.Training.Count));
        }
    }

    [Test]
    public void ImagesHeldOut_NeedATruth()
    {
        using var truth = new FitTruth(TruthForm.Label, 3, isKept: true);
        Assert.That(() => Read(FitMaterial.Crosses(Images), truth), Throws.TypeOf<DataException>().With.Message.Match(
            "^6 of 40 images of 'material' cannot be used: 'material' image 'image [0-9]+' has no label; the answers on images held out "
            + "are compared with it\\."));
    }

    /// <summary>What is not there may be done without where it is trained on, not where it is held out.</summary>
    [Test]
    public void FoldersMasks_MayBeMissingOfImagesToTrainOn()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["images"]);
        Directory.CreateDirectory(folder["masks"]);
        List<string> list = ["name,split"];
        for (var i = 0; i < Images; i++)
        {
            var sample = Masked(FitMaterial.Crosses(Images).Read(i));
            ImageFile.WritePng(folder[$"images/{i}.png"], sample.Image);
            if (i != 3) ImageFile.WritePng(folder[$"masks/{i}.png"], new ImageBuffer(1, Height, Width, Levels(sample.Mask!)));
            list.Add($"{i}.png,{(i < 30 ? "train" : "val")}");
        }

        File.WriteAllLines(folder["split.csv"], list);
        IEvaluationData Open(string split) => EvaluationData.Open(
            folder.Path, new EvaluationTask(OutputKind.Segmentation, 2), new EvaluationSelection { Split = split });
        using (var truth = new FitTruth(TruthForm.Mask, 2, isKept: true))
        {
            using var images = Read(Open("train"), truth, Open("val"));
            Assert.That(images.Training.Known!.Index().Where(known => !known.Item).Select(known => known.Index), Is.EqualTo(new[] { 3 }));
            Assert.That(images.Training.Masks!.max().item<byte>(), Is.EqualTo(LabelMap.Ignored));
        }

        File.Delete(folder["masks/34.png"]);
        using var other = new FitTruth(TruthForm.Mask, 2, isKept: true);
        Assert.That(() => Read(Open("train"), other, Open("val")), Throws.TypeOf<DataException>().With.Message.EqualTo(
            $"1 of 40 images of '{folder.Path}' cannot be used: '{folder["images/34.png"]}' has no mask; expected "
            + $"'{folder["masks/34.png"]}'."));

        static float[] Levels(LabelMap mask) => [.. mask.Labels.ToArray().Select(label => label / 255f)];
    }

    [Test]
    public void DigestOfTheTruth_TellsItFromAnother_AndIsNoneWithout()
    {
        string? Digest(Func<EvaluationSample, EvaluationSample> truthOf, TruthForm form, int count)
        {
            using var truth = new FitTruth(form, count, isKept: false);
            using var images = Read(With(truthOf), truth);
            Assert.That(images.Training.HasTruth, Is.False, "nothing learns from it");
            return images.TruthDigest;
        }

        using var without = Read(With(Masked), null);
        Assert.That(without.TruthDigest, Is.Null);
        Assert.That(without.Training.HasTruth, Is.False);
        var masks = Digest(Masked, TruthForm.Mask, 2);
        Assert.That(Digest(Masked, TruthForm.Mask, 2), Is.EqualTo(masks));
        foreach (var changed in new[] { 0, 17, 39 })
        {
            Assert.That(Digest(Except(changed, Masked, Repainted), TruthForm.Mask, 2), Is.Not.EqualTo(masks), $"mask {changed}");
            Assert.That(
                Digest(Except(changed, sample => sample with { Points = [(1, 2)] }, sample => sample with { Points = [(1, 2.5)] }),
                    TruthForm.Points, 1),
                Is.Not.EqualTo(Digest(sample => sample with { Points = [(1, 2)] }, TruthForm.Points, 1)), $"points {changed}");
        }

        static Func<EvaluationSample, EvaluationSample> Except(
            int image, Func<EvaluationSample, EvaluationSample> usual, Func<EvaluationSample, EvaluationSample> other) =>
            sample => NumberOf(sample) == image ? other(sample) : usual(sample);
    }

    /// <summary>One pixel of one mask, held out or not.</summary>
    [Test]
    public void Resuming_AfterMasksHaveChanged_IsRefused()
    {
        using var folder = new TemporaryFolder();
        var fitter = new BundleFitter(FitMaterial.Network(folder.Path), FitMaterial.Small(10));
        using var source = new CancellationTokenSource();
        Assert.That(
            () => fitter.Run(folder["bundle"], With(Masked), hasTruth: true, progress: new OnProgress(value =>
            {
                if (value.Stage == FitStage.Proposer) source.Cancel();
            }), cancellationToken: source.Token),
            Throws.InstanceOf<OperationCanceledException>());
        foreach (var changed in new[] { 3, 30 })
        {
            Assert.That(
                () => fitter.Run(
                    folder["bundle"], With(sample => NumberOf(sample) == changed ? Repainted(sample) : Masked(sample)), hasTruth: true,
                    resume: true),
                Throws.TypeOf<TrainingException>().With.Message.EqualTo($"'{folder["bundle/.fit"]}' is of another fit (the images' masks, "
                    + "labels or other truth have changed); give what was given then, or fit without resuming."));
        }

        Assert.That(
            () => fitter.Run(folder["bundle"], With(Masked), resume: true),
            Throws.TypeOf<TrainingException>().With.Message.Contains("whether labels are used: yes then, no now"));
    }

    /// <summary>The network takes thin ink for background; the masks say otherwise, but for four images without any.</summary>
    [Test]
    public void FitWithMasks_LearnsFromThem_AndEnds()
    {
        using var folder = new TemporaryFolder();
        var options = FitMaterial.Small(90) with { Sampling = FitMaterial.Small().Sampling with { Intensity = 0 } };
        var fitter = new BundleFitter(FitMaterial.Network(folder.Path), options);
        var validation = FitMaterial.Crosses(5, 2, truth: Masked);
        List<string> told = [];
        FitResult Run(string bundle, bool hasTruth) => fitter.Run(
            folder[bundle], With(sample => NumberOf(sample) < 4 ? sample : Masked(sample)), validation, hasTruth,
            progress: new OnProgress(value =>
            {
                if (value.Note is { } note && note.Contains("train on have", StringComparison.Ordinal)) told.Add(note);
            }));

        var (with, without) = (Run("with", true), Run("without", false));

        Assert.That(told, Is.EqualTo(new[]
        {
            "4 of 40 images to train on have no mask; the network's own answers stand for it.",
        }));
        Assert.That((with.Verdict.OfTruth, without.Verdict.OfTruth), Is.EqualTo((true, false)));
        Assert.That(with.Bundle.Manifest.Provenance!.Reference, Is.EqualTo(AnswerReference.Truth));
        double[] Task(FitResult result) =>
            [.. result.Curves.Where(point => point.Stage == FitStage.Task).Select(point => point.Terms["task"])];
        var (learned, own) = (Task(with), Task(without));
        var third = learned.Length / 3;
        TestContext.Out.WriteLine($"{learned.Take(third).Average():G4} -> {learned.TakeLast(third).Average():G4}");
        Assert.That(learned.TakeLast(third).Average(), Is.LessThan(learned.Take(third).Average()));
        Assert.That(learned[0], Is.Not.EqualTo(own[0]).Within(1e-3), "the masks are another target");
        Assert.That(File.ReadAllBytes(folder["with/vae.onnx"]), Is.EqualTo(File.ReadAllBytes(folder["without/vae.onnx"])));
        using var model = Inference.EquivariantModel.Load(folder["with"]);
    }

    private static EvaluationSample Repainted(EvaluationSample sample)
    {
        var labels = Masked(sample).Mask!.Labels.ToArray();
        labels[^1] ^= 1;
        return sample with { Mask = new LabelMap(Height, Width, labels) };
    }

    private static FitMaterial With(Func<EvaluationSample, EvaluationSample> truth) => FitMaterial.Crosses(Images, truth: truth);

    private static FitImages Read(IEvaluationData images, FitTruth? truth, IEvaluationData? validation = null, bool skips = false) =>
        FitImages.Read(images, validation, Spec, Spec, truth, new FitOptions { SkipsBad = skips }, null, CancellationToken.None);
}
