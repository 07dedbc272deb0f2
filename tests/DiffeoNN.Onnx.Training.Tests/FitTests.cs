using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Diagnostics.Reading;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.RandomNumbers;
using DiffeoNN.Onnx.Training.Architectures;
using DiffeoNN.Onnx.Training.Fit;

namespace DiffeoNN.Onnx.Training.Tests;

/// <summary>Fits of a few steps on small images, unbroken, interrupted and refused.</summary>
public sealed class FitTests
{
    private const int Images = 40;

    private static readonly ImageSpec Spec = InnerTaskTests.Image(1, FitMaterial.Height, FitMaterial.Width);

    // Where the fit below is interrupted, one after the other.
    private static readonly Func<FitProgress, bool>[] Interruptions =
    [
        at => at is { Stage: FitStage.Reading, Step: > 0 },
        at => at is { Stage: FitStage.Autoencoder, Step: 12 },
        at => at is { Stage: FitStage.Autoencoder, Step: 13 },
        at => at is { Stage: FitStage.Proposer, Step: 30 },
        at => at is { Stage: FitStage.Choosing, Round: 0, Trial: not null },
        at => at is { Stage: FitStage.Task, Round: 1, Step: 7 },
        at => at is { Stage: FitStage.Choosing, Round: 1, Step: 1, Trial: null },
        at => at is { Stage: FitStage.Task, Round: 2, Step: 1 },
        at => at is { Stage: FitStage.Critic, Step: 29 },
        at => at is { Stage: FitStage.Judging },
    ];

    [Test]
    public void Fit_InterruptedAndResumed_EndsWithTheSameBundle()
    {
        using var folder = new TemporaryFolder();
        var network = FitMaterial.Network(folder.Path);
        var fitter = new BundleFitter(network, FitMaterial.Small(15, 10));
        var images = FitMaterial.Crosses(Images);

        var unbroken = fitter.Run(folder["unbroken"], images);
        for (var i = 0; i < Interruptions.Length; i++)
        {
            using var source = new CancellationTokenSource();
            var isHere = Interruptions[i];
            var progress = new OnProgress(value =>
            {
                if (isHere(value)) source.Cancel();
            });
            Assert.That(
                () => fitter.Run(folder["broken"], images, resume: i > 0, progress: progress, cancellationToken: source.Token),
                Throws.InstanceOf<OperationCanceledException>(), $"interruption {i}");
            Assert.That(BundleFitter.CanResume(folder["broken"]), Is.True);
        }

        var broken = fitter.Run(folder["broken"], images, resume: true);

        var files = Networks(folder["unbroken"]);
        Assert.That(files, Is.SupersetOf(new[] { "critic.onnx", "inner.onnx", "proposer.onnx", "vae.onnx" }));
        Assert.That(Networks(folder["broken"]), Is.EqualTo(files));
        foreach (var file in files)
        {
            Assert.That(
                File.ReadAllBytes(Path.Combine(folder["broken"], file)),
                Is.EqualTo(File.ReadAllBytes(Path.Combine(folder["unbroken"], file))), file);
        }

        Assert.That(broken.Bundle.Manifest.Search.ToJson(_ => true).ToJsonString(), Is.EqualTo(
            unbroken.Bundle.Manifest.Search.ToJson(_ => true).ToJsonString()));
        Assert.That(broken.Verdict.Lines, Is.EqualTo(unbroken.Verdict.Lines));
        Assert.That(broken.Plan.Rounds, Is.EqualTo(unbroken.Plan.Rounds));
        Assert.That(broken.Trials.Select(trial => trial.Score), Is.EqualTo(unbroken.Trials.Select(trial => trial.Score)));
        Assert.That(broken.Trials.Select(trial => trial.Settings.ChangesFrom(new())), Is.EqualTo(
            unbroken.Trials.Select(trial => trial.Settings.ChangesFrom(new()))));
        Assert.That(broken.Curves.Select(point => (point.Stage, point.Round, point.Step, point.Terms["loss"])), Is.EqualTo(
            unbroken.Curves.Select(point => (point.Stage, point.Round, point.Step, point.Terms["loss"]))));

        AssertIsWhole(unbroken, folder["unbroken"]);
    }

    [Test]
    public void Fit_WhoseValidationIsGiven_HoldsThatOut()
    {
        using var folder = new TemporaryFolder();
        var options = FitMaterial.Small() with { UsesTask = false };
        var given = FitMaterial.Crosses(5, 2);
        var result = new BundleFitter(FitMaterial.Network(folder.Path), options).Run(
            folder["bundle"], FitMaterial.Crosses(FitImages.FewestImages), given);

        Assert.That(result.HeldOut, Is.SameAs(given));
        Assert.That(result.TrainingImages, Is.EqualTo(FitImages.FewestImages));
        Assert.That(result.Verdict.Figures.Select(figure => figure.Images), Is.All.EqualTo(given.Count));
        AssertIsWhole(result, folder["bundle"]);
    }

    [Test]
    public void Resuming_AnotherFitOrNone_IsRefused()
    {
        using var folder = new TemporaryFolder();
        var network = FitMaterial.Network(folder.Path);
        var (images, options) = (FitMaterial.Crosses(Images), FitMaterial.Small());
        Assert.That(() => new BundleFitter(network, options).Run(folder["bundle"], images, resume: true),
            Throws.TypeOf<TrainingException>().With.Message.Contains("holds no interrupted fit").And.Message.Contains(
                "fit without resuming"));
        using var source = new CancellationTokenSource();
        Assert.That(
            () => new BundleFitter(network, options).Run(
                folder["bundle"], images, progress: new OnProgress(value =>
                {
                    if (value.Step > 0) source.Cancel();
                }), cancellationToken: source.Token),
            Throws.InstanceOf<OperationCanceledException>());

        foreach (var (other, data, difference) in new[]
        {
            (options with { Seed = 4 }, images, "the seed: 3 then, 4 now"),
            (options with { Families = ["tps"] }, images, "the families of deformations: tps-strong then, tps now"),
            (options with { Seed = 4, UsesTask = false }, images,
                "the seed: 3 then, 4 now; whether it learns from the network's answers: yes then, no now"),
            (options with { Plan = options.Plan! with { Critic = 7 } }, images, "the plan differs"),
            (options with { LongestSide = 16 }, images, "the size of the images: 16 x 20 then, 13 x 16 now"),
            (options, FitMaterial.Crosses(Images - 1), "the images: 40 of 'material' then, 39 of 'material' now"),
        })
        {
            Refuses(network, other, data, difference);
        }

        // As many of the same name and size.
        Refuses(network, options, FitMaterial.Crosses(Images, seed: 2), "the images' names, sizes or content have changed");

        var told = NetworkReading.Of(network.Path, null, new ReadingOptions { Std = [0.5] });
        Refuses(
            told, options, images,
            "the network's normalisation: pixel values of 0 to 1 then, range 1, mean 0, std 0.5 now");
        Shapes.Inner(1, FitMaterial.Height, FitMaterial.Width, sharpness: 9).Save(folder["ink.onnx"]);
        Refuses(network, options, images, "the network's file has changed");

        // Records of earlier versions do not say what they are of.
        var record = folder["bundle/.fit/record.json"];
        var earlier = JsonNode.Parse(File.ReadAllText(record))!;
        earlier["parts"] = new JsonObject();
        File.WriteAllText(record, earlier.ToJsonString());
        Refuses(network, options, images, null);

        void Refuses(NetworkReading network, FitOptions options, FitMaterial images, string? difference) => Assert.That(
            () => new BundleFitter(network, options).Run(folder["bundle"], images, resume: true),
            Throws.TypeOf<TrainingException>().With.Message.EqualTo($"'{folder["bundle/.fit"]}' is of "
                + (difference is null ? "a fit of another network, other images or other options" : $"another fit ({difference})")
                + "; give what was given then, or fit without resuming."));
    }

    [Test]
    public void CriticThatTellsNothing_IsLeftOut()
    {
        using var folder = new TemporaryFolder();
        var fitter = new BundleFitter(FitMaterial.Network(folder.Path), FitMaterial.Small() with { UsesTask = false });
        var images = FitMaterial.Crosses(Images);
        using var source = new CancellationTokenSource();
        Assert.That(
            () => fitter.Run(folder["bundle"], images, progress: new OnProgress(value =>
            {
                if (value is { Stage: FitStage.Choosing, Trial: null } && File.Exists(folder["bundle/.fit/critic.onnx"])) source.Cancel();
            }), cancellationToken: source.Token),
            Throws.InstanceOf<OperationCanceledException>());
        // The same score for whatever image.
        using (var critic = new TrainableNetwork(OnnxModel.Load(folder["bundle/.fit/critic.onnx"]), Architecture.Weights))
        {
            foreach (var weight in critic.Weights) critic[weight].zero_();
            critic.ToModel().Save(folder["bundle/.fit/critic.onnx"]);
        }

        List<string> told = [];
        var result = fitter.Run(folder["bundle"], images, resume: true, progress: new OnProgress(value =>
        {
            if (value.Note is { } note) told.Add(note);
        }));

        Assert.That(result.Notes, Is.EqualTo(told));
        Assert.That(told, Is.EqualTo(new[]
        {
            "The critic does not tell deformed from undeformed images: it is higher on the deformed image in 33 of 66 pairs held out, and "
            + "60 % are the least. The bundle goes without it; more time trains it further.",
        }));
        Assert.That(result.Bundle.Has(BundleRole.Critic), Is.False);
        Assert.That(File.Exists(folder["bundle/critic.onnx"]), Is.False);
        Assert.That(result.Trials[^1].Settings.Adversarial, Is.Zero);
        Assert.That(result.Trials, Has.Count.EqualTo(2), "the last choice, of all settings, was made nevertheless");
        Assert.That(result.Trials[^1].Errors.Keys, Is.EquivalentTo(new[] { "none", "tps-strong" }));
        using var model = Inference.EquivariantModel.Load(folder["bundle"]);
    }

    [Test]
    public void TimeTooShortToBeKept_IsToldAtTheStart()
    {
        using var folder = new TemporaryFolder();
        using var source = new CancellationTokenSource();
        List<string> told = [];
        void Begin(TimeSpan time, FitPlan? plan) => Assert.That(
            () => new BundleFitter(FitMaterial.Network(folder.Path), FitMaterial.Small() with
            {
                Time = time, Plan = plan, Overwrites = true,
            }).Run(
                folder["bundle"], FitMaterial.Crosses(Images), progress: new OnProgress(value =>
                {
                    if (value.Note is { } note) told.Add(note);
                    if (value.Stage != FitStage.Reading) throw new OperationCanceledException();
                })),
            Throws.InstanceOf<OperationCanceledException>());

        Begin(FitOptions.ShortestKept, null);
        Begin(TimeSpan.FromSeconds(30), FitMaterial.Small().Plan);
        Assert.That(told, Is.Empty);
        Begin(TimeSpan.FromSeconds(7.5), null);
        Assert.That(told.Single(), Does.StartWith("7.5 s are too short to be kept").And.Contain("From 60 s on the time is kept"));
    }

    [TestCase("test", null)]
    [TestCase("Test", null)]
    [TestCase("train", "test")]
    public void TestSplit_IsNeverFittedOn(string split, string? validation)
    {
        using var folder = new TemporaryFolder();
        var fitter = new BundleFitter(FitMaterial.Network(folder.Path), FitMaterial.Small());
        Assert.That(
            () => fitter.Run(
                folder["bundle"], FitMaterial.Crosses(Images, split: split),
                validation is null ? null : FitMaterial.Crosses(5, split: validation)),
            Throws.TypeOf<DataException>().With.Message.EqualTo(
                "A split called 'test' is neither trained nor chosen on; give another one."));
        Assert.That(Directory.Exists(folder["bundle"]), Is.False);
    }

    [TestCase(WarpPadding.Border, ImagePadding.Border)]
    [TestCase(WarpPadding.Zeros, ImagePadding.Zeros)]
    public void Bundle_SaysWhatItsNetworksWereTrainedWith(WarpPadding trained, ImagePadding said)
    {
        using var folder = new TemporaryFolder();
        var options = FitMaterial.Small();
        Assert.That(options.Sampling.Padding, Is.EqualTo(WarpPadding.Border));
        options = options with { Sampling = options.Sampling with { Padding = trained } };
        Assert.That(new BundleFitter(FitMaterial.Network(folder.Path), options).Image.Padding, Is.EqualTo(said));
    }

    [Test]
    public void PaddingThatNoManifestSays_IsRefused()
    {
        using var folder = new TemporaryFolder();
        var options = FitMaterial.Small();
        options = options with { Sampling = options.Sampling with { Padding = WarpPadding.Reflection } };
        Assert.That(() => new BundleFitter(FitMaterial.Network(folder.Path), options),
            Throws.TypeOf<TrainingException>().With.Message.Contains("expected Border or Zeros"));
    }

    [Test]
    public void FewImages_AreRefused()
    {
        Assert.That(() => Read(FitMaterial.Crosses(3)), Throws.TypeOf<DataException>().With.Message.EqualTo(
            "'material' has 3 images; a fit needs at least 20, and some hundreds to be good."));
        Assert.That(() => Read(FitMaterial.Crosses(16), FitMaterial.Crosses(2)), Throws.TypeOf<DataException>().With.Message.EqualTo(
            "'material' has 16 images to train on and 2 to validate on; a fit needs at least 16, and some hundreds to be good."));
        using var enough = Read(FitMaterial.Crosses(20));
        Assert.That((enough.Training.Count, enough.HeldOut.Count), Is.EqualTo((16, 4)));
    }

    [Test]
    public void ImagesThatAreAllTheSame_AreRefused()
    {
        var one = FitMaterial.Crosses(1).Read(0).Image;
        Assert.That(() => Read(new FitMaterial([.. Enumerable.Repeat(one, Images)])), Throws.TypeOf<DataException>().With.Message.EqualTo(
            "The images of 'material' are all the same; a fit learns how images of a kind vary. Give different images of the kind that the "
            + "network was trained on."));
    }

    [Test]
    public void Noise_IsRefused()
    {
        var random = new SplitMix64(1);
        var noise = Enumerable.Range(0, Images).Select(_ => new ImageBuffer(1, FitMaterial.Height, FitMaterial.Width,
            [.. Enumerable.Range(0, FitMaterial.Height * FitMaterial.Width).Select(_ => (float)random.Uniform(0, 1))])).ToArray();
        Assert.That(() => Read(new FitMaterial(noise)), Throws.TypeOf<DataException>()
            .With.Message.StartsWith(
                "The images of 'material' are noise: neighbouring pixels have nothing to do with each other (correlation ")
            .And.Message.EndsWith("). Deforming them means nothing; give images of the kind that the network was trained on."));
    }

    [Test]
    public void HeldOutImages_AreNotTrainedOn()
    {
        var images = FitMaterial.Crosses(Images);
        using var read = Read(images);
        Assert.That((read.Training.Count, read.HeldOut.Count), Is.EqualTo((34, 6)));
        using var trained = read.Training.Batch([.. Enumerable.Range(0, read.Training.Count)]);
        var pixels = trained.data<float>().ToArray().Chunk(FitMaterial.Height * FitMaterial.Width)
            .Select(values => Text(values)).ToHashSet();
        var held = Enumerable.Range(0, read.HeldOut.Count).Select(i => Text(read.HeldOut.Read(i).Image.Data)).ToArray();
        Assert.That(held, Is.Unique);
        Assert.That(pixels, Has.Count.EqualTo(34));
        Assert.That(held.Where(pixels.Contains), Is.Empty);

        static string Text(ReadOnlySpan<float> values) =>
            string.Join(' ', values.ToArray().Select(value => (int)Math.Round(255 * value)));
    }

    private static FitImages Read(IEvaluationData images, IEvaluationData? validation = null) =>
        FitImages.Read(images, validation, Spec, new FitOptions());

    private static string[] Networks(string folder) =>
        [.. Directory.EnumerateFiles(folder, "*.onnx").Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal)];

    private static void AssertIsWhole(FitResult result, string folder)
    {
        var manifest = Bundle.Load(folder).Manifest;
        Assert.That(BundleFitter.CanResume(folder), Is.False, "nothing is left over");
        Assert.That(manifest.Provenance!.Verdict, Is.EqualTo(string.Join(" ", result.Verdict.Lines)).And.Not.Empty);
        Assert.That(manifest.Provenance.Tool, Is.EqualTo("diffeonn fit"));
        Assert.That(
            manifest.Provenance.Validation!.Select(figure => figure.Deformation), Is.EqualTo(new[] { "none", "tps-strong", "twist" }));
        using var model = Inference.EquivariantModel.Load(folder);
        Assert.That(model.Bundle.Has(BundleRole.Critic), Is.True);
    }
}
