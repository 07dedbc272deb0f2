using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tests.Bundles;
using DiffeoNN.Onnx.Tests.Support;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Inference;

/// <summary>Images that join and leave a running batch of a model between steps.</summary>
public sealed class ContinuousBatchTests
{
    private static readonly EquivariantOptions Options = new() { Execution = new ExecutionOptions { Device = ExecutionDevice.Cpu } };

    private static readonly EquivariantOptions Long = Options with { Start = StartPoint.Identity, Steps = 40, Patience = 0 };

    // What requests ask for: the bundle's own, searches of several lengths and starts, the network's proposal, several starts.
    private static readonly EquivariantOptions?[] Asked =
    [
        null,
        Options with { Start = StartPoint.Identity, Steps = 9 },
        Options with { Start = StartPoint.Proposer, Steps = 5, Passes = 2, Average = true },
        Options with { Start = StartPoint.Identity, Steps = 3, Accept = AcceptanceRule.Always },
        Options with { Start = StartPoint.Proposer, Steps = 0, Passes = 2, Average = true },
        Options with { Start = StartPoint.Multi, Steps = 2 },
        Options with { Start = StartPoint.Proposer, Steps = 7, Adversarial = 0.5 },
    ];

    [TestCase("tiny")]
    [TestCase("lungs")]
    [TestCase("genus")]
    [TestCase("tiny, which refines by an energy of its own")]
    public void StaggeredJoins_GiveTheBitsOfRunsAlone(string bundle)
    {
        using var refining = Refining();
        var path = bundle == "tiny" ? TinyBundle.Original
            : bundle.StartsWith("tiny", StringComparison.Ordinal) ? refining.Path : Path.Combine(Repository.Root, "models", bundle);
        using var model = EquivariantModel.Load(path, Options);
        var images = Images(model, 2 * Asked.Length);
        var expected = images.Select((image, i) => Alone(path, Asked[i % Asked.Length], image)).ToArray();
        using var batch = model.OpenBatch();
        var found = new Dictionary<long, byte[]>();
        var joined = 0;
        while (joined < images.Length || batch.Count > 0)
        {
            // One, two, three, one, ... at a time.
            for (var i = 0; i <= joined % 3 && joined < images.Length; i++)
            {
                Assert.That(batch.Join(images[joined], Asked[joined % Asked.Length]), Is.EqualTo(joined));
                joined++;
            }

            batch.Step();
            foreach (var image in batch.TakeFinished())
            {
                using (image)
                {
                    Assert.That((image.Outcome, image.Error), Is.EqualTo((RowOutcome.Complete, (Exception?)null)), $"image {image.Id}");
                    found.Add(image.Id, Bits(image.Result!));
                }
            }
        }

        for (var i = 0; i < images.Length; i++)
            Assert.That(found[i], Is.EqualTo(expected[i]), $"image {i}, asked as {i % Asked.Length}");
    }

    /// <summary>The model takes no steps, and a request asks for some, which another energy guides.</summary>
    [TestCase(FieldEngine.Torch)]
    [TestCase(FieldEngine.Onnx)]
    public void RefinementsByAnEnergyOfTheirOwn_AreThoseOfAModelThatAlwaysRefines(FieldEngine fields)
    {
        using var refining = Refining();
        var options = Options with { Fields = fields, Accept = AcceptanceRule.Always };
        using var model = EquivariantModel.Load(refining.Path, options);
        var images = Images(model, 3);
        using var batch = model.OpenBatch();
        foreach (var image in images) batch.Join(image, options with { Steps = 5 });
        while (batch.Count > 0) batch.Step();
        using var always = EquivariantModel.Load(refining.Path, options with { Steps = 5 });
        using var plain = EquivariantModel.Load(TinyBundle.Original, options with { Steps = 5 });
        foreach (var one in batch.TakeFinished())
        {
            using (one)
            {
                Assert.That(one.Error, Is.Null);
                using var expected = always.Canonicalise([images[one.Id]]);
                using var other = plain.Canonicalise([images[one.Id]]);
                var found = one.Result!.Canonicalisation(0);
                Assert.That(one.Steps, Is.EqualTo(5));
                Assert.That(found.Energy.After, Is.EqualTo(expected.Canonicalisation(0).Energy.After).Within(0.01).Percent);
                Assert.That(found.Terms.Select(term => term.Name), Does.Contain("entropy"));
                Assert.That(found.Energy.After, Is.Not.EqualTo(other.Canonicalisation(0).Energy.After).Within(0.02).Percent);
            }
        }
    }

    // No steps by itself.
    private static TinyBundle Refining() => new TinyBundle().Manifest(root =>
        root["optimiser"]!["refinement"] = new System.Text.Json.Nodes.JsonObject
        {
            ["entropy"] = 500.0, ["adversarial"] = 0.0, ["steps"] = 0, ["learningRate"] = 0.02,
        });

    [TestCase("tiny")]
    [TestCase("lungs")]
    [TestCase("genus")]
    public void ImagesWithoutSteps_RunTogetherWithTheBitsOfEachAlone(string bundle)
    {
        var path = bundle == "tiny" ? TinyBundle.Original : Path.Combine(Repository.Root, "models", bundle);
        using var model = EquivariantModel.Load(path, Options);
        var images = Images(model, 11);
        EquivariantOptions[] asked =
            [Options with { Start = StartPoint.Proposer, Steps = 0, Passes = 2, Average = true }, Options with { Steps = 0 }];
        var expected = images.Select((image, i) => Alone(path, asked[i % 5 == 4 ? 1 : 0], image)).ToArray();
        using var batch = model.OpenBatch();
        for (var i = 0; i < images.Length; i++) batch.Join(images[i], asked[i % 5 == 4 ? 1 : 0]);
        // Eight at most and one setting a step, so that others have their steps between.
        Assert.That(new[] { batch.Step(), batch.Step(), batch.Step() }, Is.EqualTo(new[] { 8, 2, 1 }));
        var finished = batch.TakeFinished();
        Assert.That(finished.Select(one => one.Id), Is.EquivalentTo(Enumerable.Range(0, images.Length)));
        // A run's images are disposed in another order than they came, some of them twice.
        foreach (var one in finished.Reverse())
        {
            Assert.That(Bits(one.Result!), Is.EqualTo(expected[one.Id]), $"image {one.Id}");
            one.Dispose();
            if (one.Id % 2 == 0) one.Dispose();
        }
    }

    [Test]
    public void AmongImagesThatRunTogether_OneThatFailsAndOneThatIsCancelledLeaveTheOthersAlone()
    {
        using var model = EquivariantModel.Load(TinyBundle.Original, Options);
        var options = Options with { Start = StartPoint.Proposer, Steps = 0 };
        var images = Images(model, 4);
        using var source = new CancellationTokenSource();
        using var batch = model.OpenBatch();
        batch.Join(images[0], options);
        batch.Join(images[1] with { Pixels = new ImageBuffer(2, 5, 5) }, options);
        batch.Join(images[2], options, cancellationToken: source.Token);
        batch.Join(images[3], options, new SearchDeadline(TimeSpan.Zero, IsFailure: true));
        source.Cancel();
        batch.Step();
        var left = batch.TakeFinished().OrderBy(one => one.Id).ToArray();
        Assert.That(left.Select(one => one.Outcome), Is.EqualTo(new[]
        {
            RowOutcome.Complete, RowOutcome.Failed, RowOutcome.Cancelled, RowOutcome.DeadlineExceeded,
        }));
        Assert.That(Bits(left[0].Result!), Is.EqualTo(Alone(TinyBundle.Original, options, images[0])));
        Assert.That(batch.Count, Is.Zero);
        foreach (var one in left) one.Dispose();
    }

    [Test]
    public void AStepThatIsCancelledWhileImagesRunTogether_TakesThemUpAgain()
    {
        using var model = EquivariantModel.Load(TinyBundle.Original, Options);
        var options = Options with { Start = StartPoint.Proposer, Steps = 0 };
        var images = Images(model, 3);
        using var source = new CancellationTokenSource();
        var time = new Clock();
        using var batch = model.OpenBatch(time);
        foreach (var image in images) batch.Join(image, options, new SearchDeadline(TimeSpan.FromSeconds(5)));
        // The clock is asked once the step has begun.
        time.Asked = source.Cancel;
        Assert.That(() => batch.Step(source.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That((batch.Count, batch.TakeFinished().Count), Is.EqualTo((3, 0)));
        batch.Step();
        var found = batch.TakeFinished();
        Assert.That(found.Select(one => one.Outcome), Is.All.EqualTo(RowOutcome.Complete).And.Exactly(3).Items);
        for (var i = 0; i < images.Length; i++)
        {
            Assert.That(Bits(found[i].Result!), Is.EqualTo(Alone(TinyBundle.Original, options, images[i])));
            found[i].Dispose();
        }
    }

    [Test]
    public void AShortSearch_DoesNotWaitForALongOne()
    {
        using var model = EquivariantModel.Load(TinyBundle.Original, Options);
        using var batch = model.OpenBatch();
        var images = Images(model, 2);
        batch.Join(images[0], Long);
        batch.Step();
        var id = batch.Join(images[1], Long with { Steps = 2 });
        for (var step = 0; step < 3; step++) Assert.That(batch.Step(), Is.EqualTo(step == 0 ? 3 : 2));
        using var first = batch.TakeFinished().Single();
        Assert.That((first.Id, first.Steps, batch.Count), Is.EqualTo((id, 2, 1)));
    }

    [Test]
    public void CancelledImages_LeaveWithinOneStep([Values(0, 3)] int steps)
    {
        using var model = EquivariantModel.Load(TinyBundle.Original, Options);
        using var batch = model.OpenBatch();
        using var source = new CancellationTokenSource();
        var images = Images(model, 2);
        var kept = batch.Join(images[0], Long);
        var id = batch.Join(images[1], Long, cancellationToken: source.Token);
        for (var step = 0; step < steps; step++) batch.Step();
        source.Cancel();
        batch.Step();
        using var gone = batch.TakeFinished().Single();
        Assert.That((gone.Id, gone.Outcome, gone.Result), Is.EqualTo((id, RowOutcome.Cancelled, (EquivariantBatch?)null)));
        Assert.That(gone.Error, Is.TypeOf<OperationCanceledException>());
        Assert.That(batch.Count, Is.EqualTo(1));
        while (batch.Count > 0) batch.Step();
        using var rest = batch.TakeFinished().Single();
        Assert.That((rest.Id, Bits(rest.Result!)), Is.EqualTo((kept, Alone(TinyBundle.Original, Long, images[0]))));
    }

    [Test]
    public void AtItsDeadline_AnImageHasItsBestAnswerOrNone([Values] bool fails)
    {
        using var model = EquivariantModel.Load(TinyBundle.Original, Options);
        var time = new Clock();
        using var batch = model.OpenBatch(time);
        batch.Join(Images(model, 1)[0], Long with { Accept = AcceptanceRule.Always }, new SearchDeadline(TimeSpan.FromSeconds(5), fails));
        for (var step = 0; step < 20 && batch.Count > 0; step++)
        {
            batch.Step();
            time.Now += TimeSpan.FromSeconds(1);
        }

        using var left = batch.TakeFinished().Single();
        Assert.That(left.Outcome, Is.EqualTo(fails ? RowOutcome.DeadlineExceeded : RowOutcome.BestAtDeadline));
        Assert.That(left.Steps, Is.InRange(4, 6));
        Assert.That(left.Result is null, Is.EqualTo(fails));
        if (fails) Assert.That(left.Error, Is.TypeOf<TimeoutException>());
        else Assert.That(left.Result!.Canonicalisation(0).Stop, Is.EqualTo(StopReason.TimeBudget));
    }

    [Test]
    public void ADeadlineThatPassedBeforeTheFirstStep_AsksNoNetwork()
    {
        using var model = EquivariantModel.Load(TinyBundle.Original, Options);
        var time = new Clock();
        using var batch = model.OpenBatch(time);
        batch.Join(Images(model, 1)[0], Long, new SearchDeadline(TimeSpan.FromSeconds(2), IsFailure: true));
        time.Now += TimeSpan.FromSeconds(3);
        batch.Step();
        using var left = batch.TakeFinished().Single();
        Assert.That((left.Outcome, left.Steps), Is.EqualTo((RowOutcome.DeadlineExceeded, 0)));
        Assert.That(left.Error!.Message, Is.EqualTo("The search had not begun after 2000 ms."));
    }

    [Test]
    public void AnImageThatFails_LeavesTheOthersAlone()
    {
        using var model = EquivariantModel.Load(TinyBundle.Original, Options);
        using var batch = model.OpenBatch();
        var good = Images(model, 1)[0];
        var bad = good with { Pixels = new ImageBuffer(2, 5, 5) };
        batch.Join(bad, Long);
        batch.Join(good, Long with { Steps = 2 });
        batch.Step();
        using var failed = batch.TakeFinished().Single();
        Assert.That((failed.Id, failed.Outcome), Is.EqualTo((0L, RowOutcome.Failed)));
        Assert.That(failed.Error!.Message, Does.StartWith("An image is 2x5x5; bundle"));
        while (batch.Count > 0) batch.Step();
        using var rest = batch.TakeFinished().Single();
        Assert.That((rest.Id, rest.Outcome), Is.EqualTo((1L, RowOutcome.Complete)));
    }

    [Test]
    public void AStepThatIsCancelled_IsTakenUpAgain()
    {
        using var model = EquivariantModel.Load(TinyBundle.Original, Options);
        using var batch = model.OpenBatch();
        var image = Images(model, 1)[0];
        batch.Join(image, Asked[2]);
        Assert.That(() => batch.Step(new CancellationToken(true)), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(batch.Count, Is.EqualTo(1));
        while (batch.Count > 0) batch.Step();
        using var found = batch.TakeFinished().Single();
        Assert.That(Bits(found.Result!), Is.EqualTo(Alone(TinyBundle.Original, Asked[2], image)));
    }

    [Test]
    public void Dispose_LeavesNoTensors()
    {
        using var model = EquivariantModel.Load(TinyBundle.Original, Options);
        var images = Images(model, 6);
        Work();
        var before = LiveTensors.Settled();
        Work();
        Assert.That(torch.Tensor.TotalCount, Is.EqualTo(before));

        void Work()
        {
            using var batch = model.OpenBatch();
            for (var i = 0; i < images.Length; i++)
            {
                batch.Join(images[i], Asked[i % Asked.Length]);
                batch.Step();
            }

            batch.Join(images[0], Long);
        }
    }

    [Test]
    public void ManyDifferentSettings_KeepFewModels()
    {
        using var model = EquivariantModel.Load(TinyBundle.Original, Options);
        using var batch = model.OpenBatch();
        var image = Images(model, 1)[0];
        for (ulong seed = 0; seed < 40; seed++)
        {
            batch.Join(image, Long with { Steps = 1, Seed = seed });
            while (batch.Count > 0) batch.Step();
        }

        foreach (var left in batch.TakeFinished())
        {
            using (left) Assert.That(left.Outcome, Is.EqualTo(RowOutcome.Complete));
        }

        Assert.That(batch.Variants, Is.LessThanOrEqualTo(16));
    }

    private static byte[] Alone(string path, EquivariantOptions? options, ScaledImage image)
    {
        using var model = EquivariantModel.Load(path, options ?? Options);
        using var batch = model.Canonicalise([image]);
        return Bits(batch);
    }

    private static byte[] Bits(EquivariantBatch batch)
    {
        using var bytes = new MemoryStream();
        using var writer = new BinaryWriter(bytes);
        var fields = batch.Fields;
        foreach (var tensor in new[] { fields.Canonical, fields.Velocity, fields.Displacement, fields.InverseDisplacement })
            foreach (var value in tensor.contiguous().data<float>()) writer.Write(value);
        var found = batch.Canonicalisation(0);
        foreach (var value in new[] { found.InputEnergy, found.CanonicalEnergy, found.Energy.After, found.Total.After })
            writer.Write(value);
        foreach (var value in new[] { found.Steps, (int)found.Stop, found.Accepted ? 1 : 0, batch.Maps(0), found.Start })
            writer.Write(value);
        writer.Write(found.Diagnostics.MinimumDeterminant);
        writer.Write(found.Diagnostics.InverseResidualMaximum);
        var image = batch.Image(0, batch.Answer(0).ToOutput());
        foreach (var answer in new[] { image.Output, image.CanonicalOutput })
        {
            foreach (var value in answer.Scores ?? []) writer.Write(value);
            foreach (var value in answer.Planes is { } planes ? planes.Data : []) writer.Write(value);
        }

        writer.Flush();
        return bytes.ToArray();
    }

    private static ScaledImage[] Images(EquivariantModel model, int count)
    {
        var spec = model.Bundle.Image;
        return [.. Enumerable.Range(0, count).Select(i =>
        {
            // Some at the bundle's size, some larger.
            var (height, width) = i % 3 == 2 ? (spec.Height + 7, spec.Width + 3) : (spec.Height, spec.Width);
            var image = new ImageBuffer(spec.Channels, height, width);
            for (var p = 0; p < image.Data.Length; p++)
            {
                var (y, x) = (p / width % height / (double)height, p % width / (double)width);
                image.Data[p] = (float)(0.5 + (0.45 * Math.Sin((4 * x) + i) * Math.Cos((5 * y) - (p / (width * height)))));
            }

            return model.Prepare(image);
        })];
    }

    private sealed class Clock : TimeProvider
    {
        public TimeSpan Now { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public Action? Asked { get; set; }

        public override long GetTimestamp()
        {
            Asked?.Invoke();
            return Now.Ticks;
        }
    }
}
