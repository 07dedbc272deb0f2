using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tests.Bundles;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Inference;

/// <summary>Several passes of the proposer, and answers averaged over them.</summary>
public sealed partial class EquivariantModelTests
{
    [Test]
    public void Passes_ProposeForWhatIsLeft_AndTheirAnswersAreAveraged()
    {
        var images = Images(8, 12, 16);
        using var original = EquivariantModel.Load(TinyBundle.Original, Options with { Steps = 0, Accept = AcceptanceRule.Always });
        using var one = original.Run(images);
        using var left = original.Run([.. one.Images.Select(image => image.Canonical)]);
        using var passes = EquivariantModel.Load(
            TinyBundle.Original, Options with { Steps = 0, Accept = AcceptanceRule.Always, Passes = 2 });
        using var two = passes.Run(images);
        Assert.That((original.Plan.Passes, original.Plan.Average, passes.Plan.Passes), Is.EqualTo((1, false, 2)));
        Assert.That(two.Images.Select(image => image.Maps), Is.All.EqualTo(1), "without an average the last pass counts alone");
        using (torch.NewDisposeScope())
        {
            // To first order the velocities add up; the rest is smaller than what the second pass added.
            var rest = (two.Fields.Velocity - one.Fields.Velocity - left.Fields.Velocity).abs().max().item<float>();
            Assert.That(left.Fields.Velocity.abs().max().item<float>(), Is.GreaterThan(1e-3));
            Assert.That(rest, Is.LessThan(0.5 * left.Fields.Velocity.abs().max().item<float>()));
        }

        using var average = EquivariantModel.Load(
            TinyBundle.Original, Options with { Steps = 0, Accept = AcceptanceRule.Always, Passes = 2, Average = true });
        using var mean = average.Run(images);
        Assert.That(mean.Images.Select(image => image.Maps), Is.All.EqualTo(2));
        Assert.That((mean.Fields.Velocity - two.Fields.Velocity).abs().max().item<float>(), Is.Zero,
            "the fields are those of the last pass");
        for (var i = 0; i < images.Length; i++)
        {
            float[] a = one.Images[i].Output.Planes!.Data.ToArray(), b = two.Images[i].Output.Planes!.Data.ToArray();
            Assert.That(mean.Images[i].Output.Planes!.Data.ToArray(), Is.EqualTo(a.Zip(b, (p, q) => (p + q) / 2)).Within(1e-6));
        }
    }

    [TestCase(0, 3, 0.5)]
    [TestCase(4, 3, 0.5)]
    [TestCase(4, 3, 0)]
    public void Members_CountByTheirWeights(int steps, double search, double identity)
    {
        var images = Images(4, 12, 16);
        var options = Options with
        {
            Accept = AcceptanceRule.Always, Passes = 2, Average = true, Refinement = new SearchSpec { Steps = steps },
        };
        float[][] Answers(EquivariantOptions asked, Func<EquivariantImage, float[]>? part = null)
        {
            using var model = EquivariantModel.Load(TinyBundle.Original, asked);
            using var result = model.Run(images);
            return [.. result.Images.Select(part ?? (image => image.Output.Planes!.Data.ToArray()))];
        }

        using var plain = EquivariantModel.Load(TinyBundle.Original, options);
        var alone = plain.RunNaive(images);
        var proposed = Answers(options with { Refinement = new SearchSpec { Steps = 0 } });
        var last = Answers(options with { Average = false });
        var found = Answers(options with { SearchWeight = search, IdentityWeight = identity });
        var whole = 2 + (steps > 0 ? search : 0) + identity;
        for (var i = 0; i < images.Length; i++)
        {
            var own = alone[i].Planes!.Data.ToArray();
            Assert.That(found[i], Is.EqualTo(own.Select((value, k) => (float)(
                ((2 * proposed[i][k]) + (steps > 0 ? search * last[i][k] : 0) + (identity * value)) / whole))).Within(1e-5), $"image {i}");
        }
    }

    [Test]
    public void Identity_CountsAloneWhereNoMapIsUsed()
    {
        var images = Images(3, 12, 16);
        using var model = EquivariantModel.Load(
            TinyBundle.Original, Options with { Steps = 0, CanonicalBelow = 1e9, IdentityWeight = 0.5 });
        using var result = model.Run(images);
        var alone = model.RunNaive(images);
        for (var i = 0; i < images.Length; i++)
        {
            Assert.That(result.Images[i].Maps, Is.Zero);
            Assert.That(result.Images[i].Output.Planes!.Data.ToArray(), Is.EqualTo(alone[i].Planes!.Data.ToArray()));
        }
    }

    /// <summary>Steps lower the energy of any image: whether it was deformed shows in what its proposal gains.</summary>
    [TestCase(FieldEngine.Torch)]
    [TestCase(FieldEngine.Onnx)]
    public void Refinement_IsUsedWhereItsProposalIsEnough(FieldEngine fields)
    {
        var images = Images(16, 12, 16);
        var options = Options with
        {
            Start = StartPoint.Proposer, Fields = fields, Refinement = new SearchSpec { Steps = 12, LearningRate = 0.05, Patience = 0 },
        };
        EquivariantResult Run(EquivariantOptions asked)
        {
            using var model = EquivariantModel.Load(TinyBundle.Original, asked);
            return model.Run(images);
        }

        using var all = Run(options with { Accept = AcceptanceRule.Always });
        double Share(EquivariantImage image, double energy) => 1 - (energy / image.Canonicalisation.InputEnergy);
        double[] proposed = [.. all.Images.Select(image => Share(image, image.Canonicalisation.Energy.Before))];
        double[] found = [.. all.Images.Select(image => Share(image, image.Canonicalisation.Energy.After))];
        // Between two images, so that rounding decides nothing.
        var asked = Math.Max(0.001, proposed.Order().Skip(11).Take(2).Average());
        Assert.That(
            found.Count(share => share > asked), Is.GreaterThan(proposed.Count(share => share > asked)), "else nothing is told apart");
        using var result = Run(options with { MinimumDecrease = asked });
        for (var i = 0; i < images.Length; i++)
            Assert.That(
                result.Images[i].Canonicalisation.Accepted, Is.EqualTo(Math.Min(proposed[i], found[i]) > asked), $"image {i}");
    }

    /// <summary>A refinement with weights of its own finds other maps, and is judged by the energy that all are judged by.</summary>
    [TestCase(FieldEngine.Torch)]
    [TestCase(FieldEngine.Onnx)]
    public void Refinement_WithWeightsOfItsOwn_IsJudgedByTheBundlesEnergy(FieldEngine fields)
    {
        var images = Images(3, 12, 16);
        using var tiny = new TinyBundle();
        tiny.Manifest(root => root["optimiser"]!["refinement"] = new System.Text.Json.Nodes.JsonObject
        {
            ["entropy"] = 500.0, ["adversarial"] = 0.0, ["steps"] = 6, ["learningRate"] = 0.02,
        });
        var options = Options with { Start = StartPoint.Proposer, Accept = AcceptanceRule.Always, Fields = fields };
        using var model = EquivariantModel.Load(tiny.Path, options);
        using var result = model.Run(images);
        using var same = EquivariantModel.Load(TinyBundle.Original, options with
        {
            Refinement = new SearchSpec { Steps = 6, LearningRate = 0.02 },
        });
        using var other = same.Run(images);
        var judged = same.Energies([.. result.Images.Select(image => image.Canonical)], default);
        var before = same.Energies(images, default);
        for (var i = 0; i < images.Length; i++)
        {
            var found = result.Images[i].Canonicalisation;
            Assert.That(found.Accepted, Is.True);
            Assert.That(found.InputEnergy, Is.EqualTo(before[i]).Within(0.01).Percent);
            Assert.That(found.Energy.After, Is.EqualTo(judged[i]).Within(0.01).Percent);
            Assert.That(found.Energy.After, Is.Not.EqualTo(other.Images[i].Canonicalisation.Energy.After), "another search");
        }
    }

    [TestCase(StartPoint.Proposer, 4, 3)]
    [TestCase(StartPoint.Multi, 4, 3)]
    [TestCase(StartPoint.Proposer, 0, 2)]
    [TestCase(StartPoint.Identity, 4, 1)]
    public void Average_CountsEveryPassAndTheSearch(StartPoint start, int steps, int maps)
    {
        using var tiny = new TinyBundle();
        tiny.Manifest(root => (root["optimiser"]!["passes"], root["optimiser"]!["average"]) = (2, true));
        using var model = EquivariantModel.Load(tiny.Path, Options with { Start = start, Steps = steps, Accept = AcceptanceRule.Always });
        using var result = model.Run(Images(2, 12, 16));
        Assert.That(result.Images.Select(image => image.Maps), Is.All.EqualTo(maps));
    }

    [Test]
    public void Average_LeavesOutMapsThatAreNotUsed()
    {
        var images = Images(24, 12, 16);
        EquivariantResult Run(EquivariantOptions options)
        {
            using var model = EquivariantModel.Load(TinyBundle.Original, options);
            return model.Run(images);
        }

        // Between the decreases that the two passes reach some images keep one map, some the other, some both and some none.
        using var all = Run(Options with { Steps = 0, Accept = AcceptanceRule.Always, Passes = 2 });
        double[] decreases =
            [.. all.Images.Select(image => 1 - (image.Canonicalisation.Energy.After / image.Canonicalisation.InputEnergy)).Order()];
        var asked = Math.Max(0, decreases[decreases.Length / 2]);
        var options = Options with { Steps = 0, MinimumDecrease = asked };
        using var one = Run(options);
        using var two = Run(options with { Passes = 2 });
        using var mean = Run(options with { Passes = 2, Average = true });
        using var model = EquivariantModel.Load(TinyBundle.Original, options);
        var alone = model.RunNaive(images);
        for (var i = 0; i < images.Length; i++)
        {
            var (a, b) = (one.Images[i], two.Images[i]);
            Assert.That(mean.Images[i].Maps, Is.EqualTo(a.Maps + b.Maps), $"image {i}");
            Assert.That(mean.Images[i].Canonicalisation.Accepted, Is.EqualTo(a.Maps + b.Maps > 0));
            var expected = (a.Maps, b.Maps) switch
            {
                (0, 0) => alone[i].Planes!.Data.ToArray(),
                (0, 1) => b.Output.Planes!.Data.ToArray(),
                (1, 0) => a.Output.Planes!.Data.ToArray(),
                _ => [.. a.Output.Planes!.Data.ToArray().Zip(b.Output.Planes!.Data.ToArray(), (p, q) => (p + q) / 2)],
            };
            Assert.That(mean.Images[i].Output.Planes!.Data.ToArray(), Is.EqualTo(expected).Within(1e-6), $"image {i}");
            var last = b.Maps > 0 ? b : a.Maps > 0 ? a : b;
            Assert.That(mean.Images[i].Canonicalisation.Energy, Is.EqualTo(last.Canonicalisation.Energy));
        }

        Assert.That(mean.Images.Select(image => image.Maps).Distinct().Count(), Is.GreaterThan(1), "else nothing was left out");
    }

    [Test]
    public void Load_ForNoPass_IsRefused() => Assert.That(
        () => EquivariantModel.Load(TinyBundle.Original, Options with { Passes = 0 }),
        Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("passes"));
}
