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
