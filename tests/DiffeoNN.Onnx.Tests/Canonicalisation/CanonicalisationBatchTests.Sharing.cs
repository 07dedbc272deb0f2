using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Canonicalisation.Graphs;
using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tests.Bundles;
using DiffeoNN.Onnx.Tests.Fields;
using DiffeoNN.Onnx.Torch;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Canonicalisation;

/// <content>A row's bits do not depend on who shares the batch.</content>
public sealed partial class CanonicalisationBatchTests
{
    [Test]
    public void StaggeredJoins_GiveTheBitsOfSoloRuns([Values(1, 2, 3)] int cores)
    {
        using var scope = torch.NewDisposeScope();
        using var threads = new Threads(cores);
        // More than 32,768 numbers a field: from there on libtorch cuts work into pieces where it has the cores.
        var (template, deformed, v) = CanonicaliserTests.Deformed(160, 150, 3);
        Staggered(() => new TemplateEnergy(template), deformed, v, [Quick, Sines, Quick with { Lattice = 0, Smoothness = 0.01 }], 5);
    }

    [TestCase("tiny")]
    [TestCase("shapes")]
    [TestCase("lungs")]
    [TestCase("genus")]
    public void StaggeredJoins_GiveTheBitsOfSoloRuns_WithTheNetworksOfABundle(string name)
    {
        using var scope = torch.NewDisposeScope();
        using var threads = new Threads(2);
        var bundle = Bundle.Load(name == "tiny" ? TinyBundle.Original : Path.Combine(Repository.Root, "models", name));
        var engine = new OnnxRuntimeEngine(new ExecutionOptions { Device = ExecutionDevice.Cpu, Threads = 2 });
        using var energy = OnnxEnergy.FromBundle(bundle, engine);
        var image = bundle.Image;
        var picture = FieldFixtures.Image(1, image.Channels, image.Height, image.Width, seed: 5);
        var weights = energy.Weights;
        // Rows with weights of their own, whole and changed.
        SearchSpec[] kinds =
        [
            Quick, Sines, Sines with { Vae = 2 * weights.Vae, Adversarial = 0.5 * weights.Adversarial, Energy = 3 * weights.Energy },
        ];
        Staggered(() => energy, picture, FieldFixtures.Field(1, 8, 8, 2, seed: 3), kinds, 3);
    }

    /// <summary>What the above rests on, for backward graphs, too.</summary>
    [TestCase("tiny")]
    [TestCase("shapes")]
    [TestCase("lungs")]
    [TestCase("genus")]
    public void Energies_OfAnImageHaveTheSameBitsInEveryBatch(string name)
    {
        using var scope = torch.NewDisposeScope();
        var bundle = Bundle.Load(name == "tiny" ? TinyBundle.Original : Path.Combine(Repository.Root, "models", name));
        using var energy = OnnxEnergy.FromBundle(
            bundle, new OnnxRuntimeEngine(new ExecutionOptions { Device = ExecutionDevice.Cpu, Threads = 2 }));
        AssertApart(energy, bundle);
    }

    private static void AssertApart(IEnergy energy, Bundle bundle)
    {
        var image = bundle.Image;
        var images = FieldFixtures.Image(16, image.Channels, image.Height, image.Width, seed: 5);
        foreach (var withGradient in new[] { false, true })
        {
            string Hash(torch.Tensor part) => Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(part.contiguous().bytes));
            string[] Of(torch.Tensor batch)
            {
                using var found = energy.Evaluate(batch, withGradient);
                return
                [
                    .. Enumerable.Range(0, (int)batch.size(0)).Select(row => string.Join(
                        " ", new[] { found.Energy, found.Terms, found.Gradient }.OfType<torch.Tensor>().Select(
                            tensor => Hash(tensor.narrow(0, row, 1))))),
                ];
            }

            var alone = Enumerable.Range(0, 16).Select(i => Of(images.narrow(0, i, 1))[0]).ToArray();
            foreach (var size in new[] { 2, 3, 5, 8, 16 })
                Assert.That(Of(images.narrow(0, 16 - size, size)), Is.EqualTo(alone[(16 - size)..]), $"{size}, gradient {withGradient}");
        }
    }

    [Test]
    public void FieldsByGraphs_AreSteppedInABatchAsAlone()
    {
        using var scope = torch.NewDisposeScope();
        var bundle = Bundle.Load(TinyBundle.Original);
        var engine = new OnnxRuntimeEngine(new ExecutionOptions { Device = ExecutionDevice.Cpu, Threads = 1 });
        using var energy = OnnxEnergy.FromBundle(bundle, engine);
        using var fields = new GraphFields(engine, energy, EnergyComposer.ComposeValues(bundle));
        var (images, v) = (FieldFixtures.Image(3, 2, 12, 16, seed: 4), FieldFixtures.Field(1, 5, 6, 1, seed: 3));
        Row[] rows =
        [
            new(0, images.narrow(0, 0, 1), Quick with { Steps = 4 }), new(1, images.narrow(0, 1, 1), Quick with { Steps = 2 }, v),
            new(2, images.narrow(0, 2, 1), Quick with { Steps = 0 }, v),
        ];
        using var batch = new CanonicalisationBatch(energy, fields, null);
        foreach (var row in rows)
        {
            batch.Join(row.Image, row.Options, row.Start);
            batch.Step();
        }

        var found = Finish(batch);
        foreach (var row in found)
        {
            var (_, image, options, start) = rows[row.Id];
            using var expected = new Canonicaliser(energy, options, fields).Run(image, start);
            using (row)
                Assert.That(Bits(row.Result!), Is.EqualTo(Bits(expected)), $"row {row.Id}");
        }

        Assert.That(found.Select(row => row.Outcome), Is.EqualTo(Enumerable.Repeat(RowOutcome.Complete, 3)));
        using var heavier = energy.WithWeights(energy.Weights with { Vae = 17 });
        using var byTorch = new Canonicaliser(heavier, Quick with { Steps = 4 }).Run(images.narrow(0, 0, 1));
        batch.Join(images.narrow(0, 0, 1), Quick with { Steps = 4, Vae = 17 });
        using var other = Finish(batch).Single();
        Assert.That(
            other.Result!.Images[0].Total.After, Is.EqualTo(byTorch.Images[0].Total.After).Within(0.1).Percent, "weights of its own");
    }

    /// <summary>libtorch's sums go by the size of the batch: energies of its engine are evaluated image by image.</summary>
    [Test]
    public void StaggeredJoins_GiveTheBitsOfSoloRuns_WithTheNetworksRunByLibtorch()
    {
        using var scope = torch.NewDisposeScope();
        using var threads = new Threads(2);
        var bundle = Bundle.Load(Path.Combine(Repository.Root, "models", "genus"));
        using var energy = OnnxEnergy.FromBundle(
            bundle, new TorchEngine(new ExecutionOptions { Device = ExecutionDevice.Cpu, Engine = EngineKind.Torch, Threads = 2 }));
        var picture = FieldFixtures.Image(1, bundle.Image.Channels, bundle.Image.Height, bundle.Image.Width, seed: 5);
        Staggered(() => energy, picture, FieldFixtures.Field(1, 8, 8, 2, seed: 3), [Quick, Sines, Quick with { Lattice = 9 }], 2);
    }

    private static void Staggered(Func<IEnergy> energy, torch.Tensor image, torch.Tensor v, SearchSpec[] kinds, int steps)
    {
        var rows = new List<Row>();
        for (var i = 0; i < 9; i++)
        {
            var options = kinds[i % kinds.Length] with
            {
                Steps = steps + (i % 4), LearningRate = kinds[i % kinds.Length].LearningRate * (1 + (0.1 * i)), Seed = (ulong)(1 + (i % 2)),
                Squarings = 2 + (i % 3), Orientation = 0.5 + i, Smoothness = 1e-4 * (1 + i), Patience = i == 7 ? 2 : 0,
                Tolerance = i == 7 ? 10 : 0, Accept = i % 2 == 0 ? AcceptanceRule.Always : AcceptanceRule.Checked,
            };
            torch.Tensor[] ways = [image, image.flip(3), image.flip(2), image * 0.8];
            rows.Add(new Row(i < 3 ? 0 : i - 1, ways[i % ways.Length], options, i % 3 == 1 ? v * (0.3 + (0.1 * i)) : null));
        }

        var alone = rows.Select(row => Alone(energy(), row)).ToArray();
        using var batch = new CanonicalisationBatch(energy());
        var (found, most) = (new string[rows.Count], 0);
        for (var step = 0; step == 0 || batch.Count > 0; step++)
        {
            foreach (var row in rows.Where(row => row.JoinsAt == step))
                batch.Join(row.Image, row.Options, row.Start);
            most = Math.Max(most, batch.Step());
            foreach (var row in batch.TakeFinished())
            {
                using (row)
                    found[row.Id] = row.Result is null ? $"{row.Outcome}: {row.Error}" : Bits(row.Result);
            }
        }

        Assert.That(most, Is.GreaterThan(3), "rows were in the batch together");
        Assert.Multiple(() =>
        {
            for (var i = 0; i < rows.Count; i++)
                Assert.That(found[i], Is.EqualTo(alone[i]), $"row {i}");
        });
        Assert.That(alone.Distinct().Count(), Is.EqualTo(alone.Length), "rows differ");
    }

    private sealed class Threads : IDisposable
    {
        private readonly int _before = torch.get_num_threads();

        public Threads(int count) => torch.set_num_threads(count);

        public void Dispose() => torch.set_num_threads(_before);
    }
}
