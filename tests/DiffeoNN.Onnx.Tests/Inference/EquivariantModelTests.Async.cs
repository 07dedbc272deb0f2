using System.Diagnostics;
using System.Diagnostics.Metrics;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tests.Bundles;

namespace DiffeoNN.Onnx.Tests.Inference;

/// <content>Requests on the model's own thread, and what a model tells of itself.</content>
public sealed partial class EquivariantModelTests
{
    private static EquivariantOptions Short => Options with { Start = StartPoint.Identity, Steps = 2 };

    [Test]
    public async Task AsynchronousMethods_GiveTheBitsOfTheSynchronousOnes()
    {
        await using var model = EquivariantModel.Load(TinyBundle.Original, Short);
        var images = Images(2, 12, 16);
        using var expected = model.Run(images);
        using var found = await model.RunAsync(images);
        using var batch = await model.CanonicaliseAsync([.. images.Select(image => new ScaledImage(image, 12, 16))]);
        var alone = await model.RunNaiveAsync(images);

        for (var i = 0; i < 2; i++)
        {
            Assert.That(Bits(found.Images[i].Output), Is.EqualTo(Bits(expected.Images[i].Output)));
            Assert.That(Bits(batch.Answer(i).ToOutput()), Is.EqualTo(Bits(expected.Images[i].Output)));
            Assert.That(Bits(alone[i]), Is.EqualTo(Bits(model.RunNaive(images)[i])));
        }

        Assert.That(model.WaitingRequests, Is.Zero);
        Assert.That(() => model.RunAsync([]), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => model.RunAugmentedAsync(images), Throws.InstanceOf<Onnx.Bundles.BundleException>());

        static float[] Bits(Onnx.Answers.ModelOutput answer) => answer.Planes!.Data.ToArray();
    }

    [Test]
    public async Task Disposed_ModelsTakeNoRequests([Values] bool asynchronously, [Values] bool hasRun)
    {
        var model = EquivariantModel.Load(TinyBundle.Original, Short);
        if (hasRun) await model.RunNaiveAsync(Images(1, 12, 16));
        if (asynchronously) await model.DisposeAsync();
        else model.Dispose();
        Assert.That(() => model.RunNaiveAsync(Images(1, 12, 16)), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => model.RunAsync(Images(1, 12, 16)), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(model.Dispose, Throws.Nothing, "twice");
    }

    [Test]
    public void Model_DisposedByItsOwnProgress_GoesOn()
    {
        using var model = EquivariantModel.Load(TinyBundle.Original, Short);
        Exception? inside = null;
        var progress = new Told(() =>
        {
            try { model.Dispose(); }
            catch (InvalidOperationException error) { inside = error; }
        });
        using var result = model.RunAsync(Images(1, 12, 16), progress).GetAwaiter().GetResult();
        Assert.That(inside?.Message, Does.StartWith("'Model 'tiny'' is disposed by its own work"));
        using var again = model.Run(Images(1, 12, 16));
        Assert.That(again.Images, Has.Count.EqualTo(1), "the refused disposal released nothing");
    }

    [Test]
    public async Task WaitingRequests_AreThoseWhoseTurnHasNotCome()
    {
        using var model = EquivariantModel.Load(TinyBundle.Original, Short);
        Assert.That(model.WaitingRequests, Is.Zero, "before the first");
        using ManualResetEventSlim begun = new(), go = new();
        var first = model.RunAsync(Images(1, 12, 16), new Told(() =>
        {
            begun.Set();
            go.Wait(TimeSpan.FromSeconds(20));
        }));
        Assert.That(begun.Wait(TimeSpan.FromSeconds(20)));
        var second = model.RunNaiveAsync(Images(1, 12, 16));
        Assert.That(model.WaitingRequests, Is.EqualTo(1));
        go.Set();
        (await first).Dispose();
        Assert.That(await second, Has.Count.EqualTo(1));
    }

    [Test]
    public void Queue_WithoutRoom_IsRefused() => Assert.That(
        () => EquivariantModel.Load(TinyBundle.Original, Options with { QueueCapacity = 0 }),
        Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("QueueCapacity"));

    [Test]
    public void Augmented_OfAnotherKind_IsRefused()
    {
        using var tiny = new TinyBundle();
        tiny.Manifest(root =>
        {
            var augmented = root["models"]!["inner"]!.DeepClone();
            augmented["output"] = new System.Text.Json.Nodes.JsonObject
            {
                ["name"] = augmented["output"]!["name"]!.DeepClone(), ["kind"] = "image",
            };
            root["models"]!["augmented"] = augmented;
        });
        using var model = EquivariantModel.Load(tiny.Path, Short);
        Assert.That(() => model.RunAugmented(Images(1, 12, 16)), Throws.TypeOf<Onnx.Bundles.BundleException>().With.Message.EqualTo(
            "Bundle 'tiny': augmented answers with Image, inner with Segmentation; they can only be compared if both are the same."));
    }

    [Test]
    public void Telemetry_SaysWhatRanAndWhatFailed()
    {
        var activities = new List<Activity>();
        var measured = new List<(string Instrument, double Value, string Tags)>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == ModelTelemetry.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = activities.Add,
        };
        ActivitySource.AddActivityListener(listener);
        using var meters = new MeterListener();
        meters.InstrumentPublished = (instrument, own) =>
        {
            if (instrument.Meter.Name == ModelTelemetry.Name) own.EnableMeasurementEvents(instrument);
        };
        meters.SetMeasurementEventCallback<long>((instrument, value, tags, _) => measured.Add((instrument.Name, value, Shown(tags))));
        meters.SetMeasurementEventCallback<double>((instrument, value, tags, _) => measured.Add((instrument.Name, value, Shown(tags))));
        meters.Start();

        using var tiny = new TinyBundle();
        tiny.Manifest(root => root["acceptance"] = new System.Text.Json.Nodes.JsonObject { ["canonicalBelow"] = 1e9 });
        using (var model = EquivariantModel.Load(tiny.Path, Short))
        {
            var images = Images(3, 12, 16);
            using var result = model.Run(images);
            model.RunNaive(images[..2]);
            Assert.That(() => model.Run([new ImageBuffer(2, 1, 9)]), Throws.TypeOf<ImageException>());

            Assert.That(activities.Select(activity => activity.OperationName),
                Is.EqualTo(new[] { "diffeonn.load", "diffeonn.run", "diffeonn.run", "diffeonn.run" }));
            Assert.That(activities.Select(ModelTelemetry.ModelOf), Is.All.SameAs(model));
            Assert.That(Tags(activities[0]), Is.EqualTo($"diffeonn.bundle tiny, diffeonn.device {model.Device.Reason}"));
            Assert.That(Tags(activities[1]), Is.EqualTo(
                "diffeonn.bundle tiny, diffeonn.kind equivariant, diffeonn.images 3, diffeonn.steps 0, diffeonn.refused 3"));
            Assert.That(Tags(activities[2]), Is.EqualTo(
                "diffeonn.bundle tiny, diffeonn.kind naive, diffeonn.images 2, diffeonn.steps 0, diffeonn.refused 0"));
            Assert.That(Tags(activities[3]), Does.EndWith("diffeonn.images 1, error.type DiffeoNN.Onnx.Imaging.ImageException"));
            Assert.That(activities.Select(activity => activity.Status == ActivityStatusCode.Error),
                Is.EqualTo(new[] { false, false, false, true }));
            Assert.That(activities[3].Events.Single().Name, Is.EqualTo("exception"));
        }

        const string run = "diffeonn.bundle tiny, diffeonn.kind equivariant", alone = "diffeonn.bundle tiny, diffeonn.kind naive";
        Assert.That(measured.Where(one => one.Instrument == "diffeonn.images").Select(one => (one.Value, one.Tags)),
            Is.EqualTo(new[] { (3.0, run), (2.0, alone) }), "what failed is not counted");
        Assert.That(measured.Where(one => one.Instrument == "diffeonn.images.refused").Select(one => (one.Value, one.Tags)),
            Is.EqualTo(new[] { (3.0, run), (0.0, alone) }));
        Assert.That(measured.Where(one => one.Instrument == "diffeonn.run.duration").Select(one => one.Tags),
            Is.EqualTo(new[] { run, alone, $"{run}, error.type DiffeoNN.Onnx.Imaging.ImageException" }));
        Assert.That(measured.Where(one => one.Instrument == "diffeonn.run.duration").Select(one => one.Value),
            Is.All.InRange(1e-6, 60));

        var before = activities.Count;
        Assert.That(() => EquivariantModel.Load(tiny.Path, Short with { QueueCapacity = 0 }), Throws.InstanceOf<ArgumentException>());
        Assert.That(Tags(activities[before]), Is.EqualTo("error.type System.ArgumentOutOfRangeException"));
        Assert.That(ModelTelemetry.ModelOf(activities[before]), Is.Null);

        static string Shown(ReadOnlySpan<KeyValuePair<string, object?>> tags) =>
            string.Join(", ", tags.ToArray().Select(tag => $"{tag.Key} {tag.Value}"));
        static string Tags(Activity activity) => Shown(activity.TagObjects.ToArray());
    }

    private sealed class Told(Action tell) : IProgress<Onnx.Canonicalisation.CanonicalisationProgress>
    {
        public void Report(Onnx.Canonicalisation.CanonicalisationProgress value) => tell();
    }
}
