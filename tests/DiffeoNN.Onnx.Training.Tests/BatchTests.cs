using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.RandomNumbers;
using DiffeoNN.Onnx.Training.Architectures;
using DiffeoNN.Onnx.Training.Fitting;
using TorchSharp;

namespace DiffeoNN.Onnx.Training.Tests;

/// <summary>How batches are made of images and maps.</summary>
public sealed class BatchTests
{
    private static readonly DeformationSampling Sampling = new() { Families = new Dictionary<string, int> { ["tps"] = 20 }, Blur = 0.5 };

    [Test]
    public void Batches_DependOnStepAndSeedAlone_AheadOfTimeToo()
    {
        using var pixels = Shapes.Draw(7, 1, 20, 27, 1);
        using var network = new TrainableNetwork(new ProposerArchitecture(1, 20, 27) { Widths = [8] }.Create(1), Architecture.Weights);
        using var recipe = new ProposerRecipe(TestSetup.Engine, network, new TrainingImages(pixels),
            new ProposerRecipeOptions { Sampling = Sampling, Batch = 3 });
        float[] Values(ITrainingData data, int step)
        {
            using var scope = torch.NewDisposeScope();
            return [.. data.Next(step, SplitMix64.ForItem(9, step)).SelectMany(b => b.Data.OrderBy(d => d.Key, StringComparer.Ordinal))
                .SelectMany(d => d.Value.data<float>().ToArray())];
        }

        using var ahead = new PrefetchedData(recipe, 9);
        foreach (var step in new[] { 0, 1, 2, 7, 8, 1 })
            Assert.That(Values(ahead, step), Is.EqualTo(Values(recipe, step)), $"step {step}");
        Assert.That(Values(recipe, 3), Is.Not.EqualTo(Values(recipe, 4)));
    }

    [Test]
    public void EveryImage_ComesOnceInAnEpoch()
    {
        using var pixels = torch.zeros(7, 1, 8, 8);
        var images = new TrainingImages(pixels);
        int[] chosen = [.. Enumerable.Range(0, 7).SelectMany(step => images.Choose(step, 3, 4))];
        foreach (var epoch in chosen.Chunk(7))
            Assert.That(epoch, Is.EquivalentTo(Enumerable.Range(0, 7)));
        Assert.That(chosen[..7], Is.Not.EqualTo(chosen[7..14]));
        Assert.That(images.Choose(5, 3, 4), Is.EqualTo(chosen[15..18]));
    }

    [Test]
    public void Bytes_AreImagesToo()
    {
        using var bytes = torch.tensor(new byte[] { 0, 51, 255, 102 }).view(1, 1, 2, 2);
        using var batch = new TrainingImages(bytes).Batch([0, 0]);
        Assert.That(batch.data<float>().ToArray(), Is.EqualTo(new[] { 0, 0.2f, 1, 0.4f, 0, 0.2f, 1, 0.4f }).Within(1e-6));
    }

    [TestCase(40, 40)]
    [TestCase(30, 47)]
    public void Maps_AreOfTheirFamilyAndHaveInverses(int height, int width)
    {
        var grid = new SamplingGrid(height, width);
        using var pool = new MapPool(Sampling with { Identity = 0.25 }, grid);
        using var scope = torch.NewDisposeScope();
        var u = Maps.Resample(pool.Draw(64, new SplitMix64(3)), height, width);
        var pixelsLeft = Maps.Compose(u, Maps.Inverse(u, 15))
            .slice(2, 4, height - 4, 1).slice(3, 4, width - 4, 1).abs().max().item<float>() * (width - 1) / 2;
        var still = u.abs().amax([1L, 2, 3]).eq(torch.tensor(0f)).sum().item<long>();
        var size = u.mul(Maps.HalfExtents(grid)).abs().max().item<float>();

        Assert.That(pixelsLeft, Is.LessThan(0.1));
        Assert.That(still, Is.InRange(6, 28));
        Assert.That(size, Is.InRange(0.1, 0.9));
    }

    [Test]
    public void MapOnFewNodes_IsTheLibrarysDeformation()
    {
        var (height, width) = (48, 64);
        var grid = new SamplingGrid(height, width);
        var sampling = new DeformationSampling
        {
            Families = new Dictionary<string, int> { ["tps-strong"] = 1 }, LowestStrength = 1, Identity = 0, Mirrors = false, Seed = 6,
        };
        using var pool = new MapPool(sampling, grid);
        using var scope = torch.NewDisposeScope();
        var u = Maps.Resample(pool.Draw(1, new SplitMix64(3)), height, width).mul(Maps.HalfExtents(grid));
        var expected = Deformations.Deformation.Create("tps-strong").Draw(grid, 6);
        var exact = torch.tensor(expected.U.ToArray()).view(1, 2, height, width).to(torch.float32);
        // The few nodes' ratio of sides is rounded: 33 by 25 for 64 by 48.
        Assert.That((u - exact).abs().max().item<float>(), Is.LessThan(0.01));
        Assert.That(exact.abs().max().item<float>(), Is.GreaterThan(0.2));
    }

    [Test]
    public void Variation_KeepsShapesAndRange()
    {
        using var pixels = Shapes.Draw(8, 2, 20, 20, 1);
        using var scope = torch.NewDisposeScope();
        var varied = ImageVariation.Vary(pixels, new DeformationSampling { Intensity = 1 }, new SplitMix64(2));
        var same = ImageVariation.Vary(pixels, new DeformationSampling { Intensity = 0 }, new SplitMix64(2));
        Assert.That(same.data<float>().ToArray(), Is.EqualTo(pixels.data<float>().ToArray()));
        Assert.That(varied.min().item<float>(), Is.GreaterThanOrEqualTo(0));
        Assert.That(varied.max().item<float>(), Is.LessThanOrEqualTo(1));
        foreach (var n in Enumerable.Range(0, 8))
        {
            var (a, b) = (pixels[n] - pixels[n].mean(), varied[n] - varied[n].mean());
            var norms = Math.Sqrt((a * a).sum().item<float>() * (b * b).sum().item<float>());
            Assert.That((a * b).sum().item<float>() / norms, Is.GreaterThan(0.9));
            Assert.That((varied[n] - pixels[n]).abs().max().item<float>(), Is.GreaterThan(0.02));
        }
    }
}
