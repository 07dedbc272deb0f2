using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tests.Bundles;
using DiffeoNN.Onnx.Tests.Support;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Inference;

/// <summary>The whole chain on a tiny bundle of untrained networks: two channels, 12x16 pixels, three classes, with a proposer.</summary>
public sealed partial class EquivariantModelTests
{
    private static readonly EquivariantOptions Options = new() { Execution = new ExecutionOptions { Device = ExecutionDevice.Cpu } };

    [Test]
    public void Run_FromTheIdentityWithoutSteps_IsTheNetworkAlone()
    {
        using var model = EquivariantModel.Load(TinyBundle.Original, Options with { Start = StartPoint.Identity, Steps = 0 });
        var images = Images(3, 12, 16);
        using var result = model.Run(images);
        var alone = model.RunNaive(images);
        Assert.That(model.Plan.AsksProposer, Is.False);
        Assert.That(result.Fields.Velocity.abs().max().item<float>(), Is.Zero);
        for (var i = 0; i < 3; i++)
        {
            Assert.That(result.Images[i].Output.Planes!.Data.ToArray(), Is.EqualTo(alone[i].Planes!.Data.ToArray()).Within(1e-5));
            Assert.That(result.Images[i].Canonical.Data.ToArray(), Is.EqualTo(images[i].Data.ToArray()).Within(1e-5));
        }
    }

    [Test]
    public void Run_WithAProposer_StartsAtItsVelocity()
    {
        using var model = EquivariantModel.Load(TinyBundle.Original, Options with { Steps = 0, Accept = AcceptanceRule.Always });
        Assert.That(model.Plan.AsksProposer);
        using var result = model.Run(Images(2, 12, 16));
        Assert.That(result.Fields.Velocity.abs().max().item<float>(), Is.GreaterThan(1e-3));
        Assert.That(result.Images.Select(image => image.Canonicalisation.BestStep), Is.All.Zero);
        Assert.That(result.Images.Select(image => image.Canonicalisation.Terms.Single(term => term.Name == "smoothness").After),
            Is.All.Zero,
            "the regulariser acts on the deviation from the proposal");
    }

    [Test]
    public void Run_WithSteps_NeverEndsAboveItsStart()
    {
        using var model = EquivariantModel.Load(TinyBundle.Original, Options with { Steps = 10 });
        using var result = model.Run(Images(4, 12, 16));
        foreach (var image in result.Images)
            Assert.That(image.Canonicalisation.Total.After, Is.LessThanOrEqualTo(image.Canonicalisation.Total.Before));
    }

    [Test]
    public void Run_OfImagesOfSeveralSizes_AnswersEachAtItsOwn()
    {
        using var model = EquivariantModel.Load(TinyBundle.Original, Options with { Steps = 2 });
        using var result = model.Run([.. Images(1, 12, 16), .. Images(1, 31, 20), .. Images(1, 5, 64)]);
        Assert.That(result.Images.Select(image => (image.Output.Height, image.Output.Width)),
            Is.EqualTo(new[] { (12, 16), (31, 20), (5, 64) }));
        foreach (var image in result.Images)
        {
            var planes = image.Output.Planes!;
            for (var at = 0; at < planes.Height * planes.Width; at++)
                Assert.That(planes.Plane(0)[at] + planes.Plane(1)[at] + planes.Plane(2)[at], Is.EqualTo(1).Within(1e-5),
                    "probabilities add up to one");
        }
    }

    [Test]
    public void Load_ForAProposerThatIsNotThere_IsRefused()
    {
        using var tiny = new TinyBundle();
        tiny.Manifest(root => root["models"]!.AsObject().Remove("proposer"));
        Assert.That(
            () => EquivariantModel.Load(tiny.Path, Options with { Start = StartPoint.Proposer }),
            Throws.TypeOf<SearchException>().With.Message.Contains("no proposer"));
    }

    [Test]
    public void Run_OfAnImageThatIsCanonicalAlready_IsTheNetworkAloneBitForBit()
    {
        using var tiny = new TinyBundle();
        tiny.Manifest(root => root["acceptance"] = new JsonObject { ["canonicalBelow"] = 1e9 });
        using var model = EquivariantModel.Load(tiny.Path, Options);
        var images = Images(2, 31, 20);
        using var result = model.Run(images);
        var alone = model.RunNaive(images);
        for (var i = 0; i < 2; i++)
        {
            Assert.That(result.Images[i].Canonicalisation.Refusal!.Reason, Is.EqualTo(RefusalReason.AlreadyCanonical));
            Assert.That(result.Images[i].Output.Planes!.Data.ToArray(), Is.EqualTo(alone[i].Planes!.Data.ToArray()));
            Assert.That(result.Images[i].Canonical.Data.ToArray(), Is.EqualTo(result.Images[i].Input.Data.ToArray()));
        }

        using var always = EquivariantModel.Load(tiny.Path, Options with { Accept = AcceptanceRule.Always });
        using var used = always.Run(images);
        Assert.That(used.Images.Select(image => image.Canonicalisation.Stop), Has.None.EqualTo(StopReason.Canonical));
    }

    [Test]
    public void Load_TakesAcceptanceAndStartFromTheManifest()
    {
        using var tiny = new TinyBundle();
        tiny.Manifest(root =>
        {
            root["acceptance"] = new JsonObject { ["canonicalBelow"] = -3.5, ["minimumDecrease"] = 0.2, ["inverseResidual"] = 0.5 };
            root["optimiser"]!["start"] = "multi";
        });
        using var model = EquivariantModel.Load(tiny.Path, Options);
        using var zero = EquivariantModel.Load(tiny.Path, Options with { Start = StartPoint.Identity });
        var settings = model.Plan.FromIdentity;
        Assert.That((settings.CanonicalBelow, settings.MinimumDecrease, settings.InverseResidual),
            Is.EqualTo((-3.5, 0.2, 0.5)));
        Assert.That((model.Plan.Start, model.Plan.AsksProposer, zero.Plan.Start, zero.Plan.AsksProposer),
            Is.EqualTo((StartPoint.Multi, true, StartPoint.Identity, false)));
    }

    [Test]
    public void Refinement_ReplacesWhatItNamesWhereASearchStartsAtTheProposal()
    {
        using var tiny = new TinyBundle();
        tiny.Manifest(root => root["optimiser"]!["refinement"] = new JsonObject
        {
            ["steps"] = 0, ["learningRate"] = 0.5, ["lattice"] = 3, ["smoothness"] = 7, ["orientation"] = 9, ["tolerance"] = 0.2,
            ["patience"] = 2,
        });
        var always = Options with { Accept = AcceptanceRule.Always };
        using var model = EquivariantModel.Load(tiny.Path, always);
        var (settings, refined) = (model.Plan.FromIdentity, model.Plan.FromProposal);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((settings.Steps, settings.LearningRate, settings.Lattice, settings.Tolerance, settings.Patience),
                Is.EqualTo((20, 0.01, 8, 1e-4, 5)));
            Assert.That(refined, Is.EqualTo(settings with
            {
                Steps = 0, LearningRate = 0.5, Lattice = 3, Smoothness = 7, Orientation = 9, Tolerance = 0.2, Patience = 2,
                JudgesStart = true,
            }));
        }

        var images = Images(3, 12, 16);
        using var proposal = model.Run(images);
        Assert.That(proposal.Images.Select(image => image.Canonicalisation.Steps), Is.All.Zero, "the proposal alone");
        Assert.That(proposal.Fields.Velocity.abs().max().item<float>(), Is.GreaterThan(1e-3));
        using var identity = EquivariantModel.Load(tiny.Path, always with { Start = StartPoint.Identity });
        using var searched = identity.Run(images);
        Assert.That(searched.Images.Select(image => image.Canonicalisation.Steps), Is.All.GreaterThan(0), "no search from the proposal");

        using var asked = EquivariantModel.Load(tiny.Path, always with { Steps = 4, Seed = 3 });
        Assert.That((asked.Plan.FromIdentity.Steps, asked.Plan.FromProposal.Steps, asked.Plan.FromProposal.Seed), Is.EqualTo((4, 4, 3UL)),
            "the caller's word counts most");
        using var plain = EquivariantModel.Load(TinyBundle.Original, always);
        Assert.That(plain.Plan.FromProposal, Is.EqualTo(plain.Plan.FromIdentity with { JudgesStart = true }));
    }

    [Test]
    public void Refinement_HoldsForThoseOfSeveralStartsThatComeFromTheProposal()
    {
        using var tiny = new TinyBundle();
        tiny.Manifest(root => root["optimiser"]!["refinement"] = new JsonObject { ["steps"] = 0 });
        // Every start is refined and every map is used, so which one wins depends on the totals alone.
        var options = Options with
        {
            Start = StartPoint.Multi, Accept = AcceptanceRule.Always,
            MultiStart = new MultiStartOptions { Rotations = [0], Scales = [1], Refined = 2 },
        };
        using var model = EquivariantModel.Load(tiny.Path, options);
        using var one = EquivariantModel.Load(tiny.Path, Options with { Start = StartPoint.Identity, Accept = AcceptanceRule.Always });
        using var other = EquivariantModel.Load(tiny.Path, Options with { Start = StartPoint.Proposer, Accept = AcceptanceRule.Always });
        var images = Images(6, 12, 16);
        using var both = model.Run(images);
        using var fromIdentity = one.Run(images);
        using var fromProposal = other.Run(images);
        for (var i = 0; i < images.Length; i++)
        {
            var found = both.Images[i].Canonicalisation;
            var (a, b) = (fromIdentity.Images[i].Canonicalisation, fromProposal.Images[i].Canonicalisation);
            Assert.That(b.Steps, Is.Zero);
            var better = a.Total.After <= b.Total.After ? a : b;
            Assert.That(found.Total.After, Is.EqualTo(better.Total.After).Within(1e-4 * Math.Abs(better.Total.After)), $"image {i}");
            Assert.That((found.Start, found.Steps), Is.EqualTo((ReferenceEquals(better, a) ? 0 : 1, better.Steps)), $"image {i}");
        }
    }

    [Test]
    public void PublishedPreset_TakesNothingOfTheBundlesSettings()
    {
        using var tiny = new TinyBundle();
        tiny.Manifest(root =>
        {
            root["acceptance"] = new JsonObject { ["canonicalBelow"] = 1e9, ["minimumDecrease"] = 0.9 };
            root["optimiser"]!["refinement"] = new JsonObject { ["steps"] = 0 };
            root["optimiser"]!["start"] = "multi";
        });
        using var model = EquivariantModel.Load(tiny.Path, Options with { Preset = SearchPreset.Published });
        using (Assert.EnterMultipleScope())
        {
            Assert.That((model.Plan.Start, model.Plan.AsksProposer, model.Plan.Preset),
                Is.EqualTo((StartPoint.Identity, false, SearchPreset.Published)));
            Assert.That(model.Plan.FromIdentity, Is.EqualTo(new SearchSpec
            {
                Start = StartPoint.Identity, Field = FieldKind.Siren, Lattice = 0, Steps = 100, LearningRate = 0.0038926, Smoothness = 1,
                Orientation = 1, Squarings = 7, Patience = 0, Accept = AcceptanceRule.Always, Vae = 0.01, Beta = 1e-4, Adversarial = 1e-3,
                Fields = FieldEngine.Torch,
            }.Complete()));
        }

        // The energies are those of the published weights: one and the other bundle, with these weights in its manifest, agree.
        using var weighted = new TinyBundle();
        weighted.Manifest(
            root => root["energy"] = new JsonObject { ["vae"] = 0.01, ["beta"] = 1e-4, ["adversarial"] = 1e-3, ["energy"] = 0 });
        using var same = EquivariantModel.Load(weighted.Path, Options with { Start = StartPoint.Identity, Steps = 0 });
        var images = Images(2, 12, 16);
        using var published = model.Run(images);
        using var reference = same.Run(images);
        for (var i = 0; i < 2; i++)
        {
            var found = published.Images[i].Canonicalisation;
            Assert.That(found.InputEnergy, Is.EqualTo(reference.Images[i].Canonicalisation.InputEnergy).Within(1e-6));
            Assert.That((found.Steps, found.Stop), Is.EqualTo((100, StopReason.StepBudget)), "no rule stops it");
            Assert.That(found.Energy.After, Is.LessThan(found.InputEnergy));
        }
    }

    [Test]
    public void PublishedPreset_LeavesTheLastWordToTheCaller()
    {
        var options = Options with
            { Preset = SearchPreset.Published, Steps = 3, Accept = AcceptanceRule.Checked, Start = StartPoint.Proposer, Seed = 9 };
        using var model = EquivariantModel.Load(TinyBundle.Original, options);
        Assert.That((model.Plan.Start, model.Plan.FromProposal.Steps, model.Plan.FromIdentity.Accept, model.Plan.FromIdentity.Seed),
            Is.EqualTo((StartPoint.Proposer, 3, AcceptanceRule.Checked, 9UL)));
        using var tiny = new TinyBundle();
        tiny.Keep("energy", "proposer");
        Assert.That(() => EquivariantModel.Load(tiny.Path, options),
            Throws.TypeOf<SearchException>().With.Message.Contains("neither a VAE nor a critic"));
    }

    [Test]
    public void WithSettings_SharesTheNetworksAndTakesAllElse()
    {
        using var tiny = new TinyBundle();
        using var model = EquivariantModel.Load(tiny.Path, Options);
        var manifest = model.Bundle.Manifest with
        {
            Search = model.Bundle.Manifest.Search with
            {
                Vae = 2, Beta = 0.5, Adversarial = -0.0, Energy = 0, Smoothness = 30, Steps = 2, Lattice = 4, MinimumDecrease = 0.1,
            },
        };
        tiny.Manifest(root =>
            root["energy"] = new JsonObject { ["vae"] = 2, ["beta"] = 0.5, ["adversarial"] = 0, ["energy"] = 0, ["smoothness"] = 30 })
            .Manifest(root => root["acceptance"] = new JsonObject { ["minimumDecrease"] = 0.1 })
            .Manifest(root => (root["optimiser"]!["steps"], root["optimiser"]!["lattice"]) = (2, 4));
        var images = Images(3, 12, 16);
        using var loaded = EquivariantModel.Load(tiny.Path, Options);
        using var expected = loaded.Run(images);
        using (var other = model.WithSettings(manifest))
        {
            Assert.That(other.Plan, Is.EqualTo(loaded.Plan));
            using var found = other.Run(images);
            Assert.That(found.Images.Select(image => image.Canonicalisation.Energy),
                Is.EqualTo(expected.Images.Select(image => image.Canonicalisation.Energy)));
            Assert.That(other.Energies(images, default),
                Is.EqualTo(found.Images.Select(image => image.Canonicalisation.InputEnergy)).Within(1e-3));
        }

        using var again = model.Run(images);
        Assert.That(again.Images, Has.Count.EqualTo(3), "the networks are still there");
    }

    [Test]
    public void Run_OfWrongImages_IsRefused()
    {
        using var model = EquivariantModel.Load(TinyBundle.Original, Options);
        Assert.That(() => model.Run([new ImageBuffer(2, 1, 9)]), Throws.TypeOf<ImageException>().With.Message.Contains("2x2"));
        Assert.That(() => model.Run([]), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void Run_WhenCancelledOrDisposed_LeavesNoTensors()
    {
        using var model = EquivariantModel.Load(TinyBundle.Original, Options with { Steps = 3 });
        model.Run(Images(2, 12, 16)).Dispose();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var before = LiveTensors.Settled();
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        Assert.That(() => model.Run(Images(2, 12, 16), cancellationToken: cancelled.Token),
            Throws.InstanceOf<OperationCanceledException>());
        model.Run(Images(2, 12, 16)).Dispose();
        Assert.That(torch.Tensor.TotalCount, Is.EqualTo(before));
    }

    [Test]
    public void Run_FromSeveralStarts_LeavesNoTensors()
    {
        using var model = EquivariantModel.Load(
            TinyBundle.Original, Options with { Start = StartPoint.Multi, Steps = 3, Passes = 2, Average = true });
        model.Run(Images(2, 12, 16)).Dispose();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var before = LiveTensors.Settled();
        for (var i = 0; i < 5; i++) model.Run(Images(2, 12, 16)).Dispose();
        Assert.That(torch.Tensor.TotalCount, Is.EqualTo(before));
    }

    [TestCase(null, 0.5, null)]
    [TestCase("{ \"inverseResidual\": 0.5 }", 0.5, null)]
    [TestCase("{ \"canonicalBelow\": 3 }", 0, 3.0)]
    [TestCase("{ \"minimumDecrease\": 0 }", 0, null)]
    public void Acceptance_ThatNobodyChose_AsksForHalfOfTheEnergy(string? acceptance, double decrease, double? below)
    {
        using var tiny = new TinyBundle();
        tiny.Manifest(root =>
        {
            root.Remove("acceptance");
            if (acceptance is not null) root["acceptance"] = JsonNode.Parse(acceptance);
        });
        using var model = EquivariantModel.Load(tiny.Path);
        Assert.That((model.Plan.FromIdentity.MinimumDecrease, model.Plan.FromIdentity.CanonicalBelow), Is.EqualTo((decrease, below)));
        Assert.That(model.Plan.FromProposal.MinimumDecrease, Is.EqualTo(decrease));
    }

    [TestCase(255f, "holds the value 255 (channel 1, row 3, column 5)")]
    [TestCase(-0.5f, "holds the value -0.5 (channel 1, row 3, column 5)")]
    [TestCase(float.NaN, "holds the value NaN")]
    public void Images_WithValuesOutOfRange_AreRefusedWithTheReason(float value, string message)
    {
        using var model = EquivariantModel.Load(TinyBundle.Original);
        var images = Images(2, 12, 16);
        images[1][1, 3, 5] = value;
        foreach (var run in new Action[] { () => model.Run(images).Dispose(), () => model.RunNaive(images) })
            Assert.That(run, Throws.TypeOf<ImageException>().With.Message.Contains(message).And.Message.Contains("divide bytes by 255"));
        images[1][1, 3, 5] = 1 + 1e-4f;
        Assert.That(() => model.RunNaive(images), Throws.Nothing, "rounding");
    }

    private static ImageBuffer[] Images(int count, int height, int width)
    {
        var random = new Random(5);
        return [.. Enumerable.Range(0, count).Select(_ =>
        {
            var image = new ImageBuffer(2, height, width);
            foreach (ref var value in image.Data) value = random.NextSingle();
            return image;
        })];
    }
}
