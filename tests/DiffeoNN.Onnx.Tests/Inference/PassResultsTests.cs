using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Tests.Support;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Inference;

/// <summary>Which of several passes count for which image.</summary>
public sealed class PassResultsTests
{
    // Image 0 is used in passes 0 and 1, image 1 in pass 0 alone, image 2 in none.
    private static readonly bool[][] Used = [[true, true, false], [true, false, false], [false, false, false]];

    [Test]
    public void AnImage_StandsAtItsLastUsedPassElseAtTheLast()
    {
        using var passes = Passes(Used);
        Assert.That(Enumerable.Range(0, 3).Select(passes.Accepted), Is.EqualTo(new[] { [0, 1], [0], Array.Empty<int>() }));
        Assert.That(Enumerable.Range(0, 3).Select(passes.Final), Is.EqualTo(new[] { 1, 0, 2 }));
        Assert.That(passes.Canonical.Select(canonical => canonical[0, 0, 0, 0].item<float>()), Is.EqualTo(new[] { 0, 100, 200 }));
    }

    [Test]
    public void Answers_TakeTheirWayBackOnlyWhereTheMapIsUsed()
    {
        using var scope = torch.NewDisposeScope();
        using var passes = Passes(Used);
        torch.Tensor[] output = [torch.arange(6, torch.float32).view(3, 2)];
        for (var pass = 0; pass < 3; pass++)
        {
            for (var image = 0; image < 3; image++)
            {
                using var answer = passes.Answer(output, pass, image);
                Assert.That(answer.Parts[0].data<float>().ToArray(), Is.EqualTo(new[] { 2f * image, (2 * image) + 1 }));
                var isCarried = answer.Displacement is not null && answer.Inverse is not null;
                Assert.That(isCarried, Is.EqualTo(Used[image][pass]), $"pass {pass}, image {image}");
                if (!Used[image][pass]) continue;
                Assert.That(answer.Displacement![0, 0, 0, 0].item<float>(), Is.EqualTo(Value(pass, image) + 2));
                Assert.That(answer.Inverse![0, 0, 0, 0].item<float>(), Is.EqualTo(Value(pass, image) + 3));
            }
        }
    }

    [Test]
    public void Gather_TakesEachImageFromWhereItStandsAndTheTimeOfAll()
    {
        using var passes = Passes(Used);
        using var all = passes.Gather();
        int[] expected = [Value(1, 0), Value(0, 1), Value(2, 2)];
        using var scope = torch.NewDisposeScope();
        foreach (var (tensor, offset) in new[]
            { (all.Canonical, 0), (all.Velocity, 1), (all.Displacement, 2), (all.InverseDisplacement, 3) })
            Assert.That(tensor.select(3, 0).select(2, 0).select(1, 0).data<float>().ToArray(),
                Is.EqualTo(expected.Select(value => (float)value + offset)));
        Assert.That(all.Images.Select(image => image.Steps), Is.EqualTo(expected));
        Assert.That((all.Times.Field.Ticks, all.Times.Total.Ticks), Is.EqualTo((0L + 1 + 2, 3L)));
    }

    [Test]
    public void OtherImages_AreWarpedOnlyWhereTheMapIsUsed()
    {
        using var scope = torch.NewDisposeScope();
        using var passes = Passes(Used);
        var images = torch.ones(3, 1, 5, 3);
        torch.Tensor[] warped = [.. passes.Warped(images, WarpPadding.Zeros)];
        // The maps lead out of the image, where nothing is: by two units along x and y, its size, or more.
        for (var pass = 0; pass < 3; pass++)
        {
            for (var image = 0; image < 3; image++)
            {
                var beyondTheCorner = warped[pass][image].contiguous().data<float>().ToArray()[1..];
                Assert.That(beyondTheCorner, Is.All.EqualTo(Used[image][pass] ? 0 : 1), $"pass {pass}, image {image}");
            }
        }

        Assert.That(warped[2], Is.SameAs(images), "nothing to do");
    }

    [Test]
    public void Passes_OwnTheirTensors()
    {
        var live = LiveTensors.Settled();
        Passes(Used).Dispose();
        Assert.That(torch.Tensor.TotalCount, Is.EqualTo(live));
    }

    private static int Value(int pass, int image) => (100 * pass) + (10 * image);

    private static PassResults Passes(bool[][] used)
    {
        var passes = new PassResults();
        for (var pass = 0; pass < used[0].Length; pass++)
        {
            using var scope = torch.NewDisposeScope();
            torch.Tensor Tensor(int channels, int offset) => torch.stack([.. Enumerable.Range(0, used.Length).Select(image =>
                torch.full([channels, 2, 2], Value(pass, image) + (float)offset))], 0).DetachFromDisposeScope();
            var own = pass;
            passes.Add(new CanonicalisationResult(Tensor(1, 0), Tensor(2, 1), Tensor(2, 2), Tensor(2, 3),
                [.. used.Select((row, image) => Image(Value(own, image), row[own]))],
                new StageTimes(
                    default, default, TimeSpan.FromTicks(pass), default, default, default, default, default, TimeSpan.FromTicks(1))));
        }

        return passes;
    }

    private static ImageCanonicalisation Image(int steps, bool accepted) => new(
        [], new EnergyTerm("energy", 1, 0), new EnergyTerm("total", 1, 0), steps, StopReason.StepBudget, 0, 7, default)
    {
        InputEnergy = 1, FoundDiagnostics = default(FieldDiagnostics),
        Refusal = accepted ? null : new Refusal(RefusalReason.Folded, "folds"),
    };
}
