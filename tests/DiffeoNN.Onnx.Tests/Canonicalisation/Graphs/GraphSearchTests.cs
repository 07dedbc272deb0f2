using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Canonicalisation.Graphs;
using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tests.Bundles;
using DiffeoNN.Onnx.Tests.Fields;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Canonicalisation.Graphs;

/// <summary>Searches by graphs from starts of every kind, in batches of any size and of a GPU's, against libtorch's.</summary>
public sealed class GraphSearchTests
{
    private static readonly SamplingGrid Grid = new(12, 16);

    private static readonly SearchSpec Options = new()
    {
        Field = FieldKind.Lattice, Lattice = 5, LearningRate = 0.02, Patience = 0, Squarings = 2, Orientation = 0.7,
        Accept = AcceptanceRule.Always,
    };

    private Bundle _bundle = null!;
    private OnnxRuntimeEngine _engine = null!;
    private OnnxEnergy _energy = null!;

    [OneTimeSetUp]
    public void Load()
    {
        _bundle = Bundle.Load(TinyBundle.Original);
        _engine = new OnnxRuntimeEngine(new ExecutionOptions { Device = ExecutionDevice.Cpu, Threads = 1 });
        _energy = OnnxEnergy.FromBundle(_bundle, _engine);
    }

    [OneTimeTearDown]
    public void Unload() => _energy.Dispose();

    [Test]
    public void FoldsOfTheStart_ArePenalisedRowByRow([Values(0, 1, 3)] int steps, [Values] bool forGpu)
    {
        using var scope = torch.NewDisposeScope();
        var options = Options with { Steps = steps, Squarings = 0, LearningRate = 0.002 };
        // Differences between a half and one pixel: folds that the first look, which takes fields for regular, must not miss.
        var calm = FieldFixtures.Field(1, 12, 16, 0.3, seed: 1);
        var start = torch.cat([calm, Folding(2), calm * 2, Folding(5), calm * -1], 0);
        var (expected, found) = Both(options, Images(5), start, forGpu);
        using (expected)
        using (found)
        {
            AssertSame(expected, found);
            var folds = found.Images.Select(image => image.Terms[^1].Before).ToArray();
            Assert.That(folds.Select(fold => fold > 5e-5), Is.EqualTo(new[] { false, true, false, true, false }));
        }
    }

    [Test]
    public void RowsThatDiverge_LeaveTheOthersAlone([Values(0, 1, 2)] int steps, [Values] bool forGpu)
    {
        using var scope = torch.NewDisposeScope();
        var calm = FieldFixtures.Field(1, 12, 16, 1, seed: 1);
        var (expected, found) = Both(Options with { Steps = steps }, Images(3), torch.cat([calm, calm * float.NaN, calm * 2], 0), forGpu);
        using (expected)
        using (found)
        {
            AssertSame(expected, found);
            Assert.That(found.Images.Select(image => image.Stop),
                Is.EqualTo(new[] { StopReason.StepBudget, StopReason.NonFinite, StopReason.StepBudget }));
        }
    }

    [TestCase(FieldKind.Lattice, 0.02)]
    [TestCase(FieldKind.Siren, 2e-5)]
    public void BatchesThatSuitAGpu_GiveTheSame(FieldKind kind, double rate)
    {
        using var scope = torch.NewDisposeScope();
        var options = Options with { Field = kind, LearningRate = rate, Steps = 4, Smoothness = 0.01 };
        var start = FieldFixtures.Field(3, 4, 6, 2, seed: 3);
        var (expected, found) = Both(options, Images(3), start, forGpu: true);
        using (expected)
        using (found)
            AssertSame(expected, found);
    }

    [Test]
    public void ImagesThatStop_LeaveTheirBestBehind([Values] bool forGpu)
    {
        using var scope = torch.NewDisposeScope();
        // A step size too large throws fields about: best iterates lie all over the run, and images stop one by one.
        var options = Options with { Steps = 25, LearningRate = 0.06, Patience = 3, Tolerance = 0.02, Squarings = 4 };
        var images = Images(9);
        using var fields = Graphs(forGpu);
        var canonicaliser = new Canonicaliser(_energy, options, fields);
        using var together = canonicaliser.Run(images);
        Assert.That(together.Images.Select(image => image.Steps).Distinct().Count(), Is.GreaterThan(2));
        Assert.That(together.Images.Count(image => image.BestStep > 0 && image.BestStep < image.Steps), Is.GreaterThan(2));
        for (var i = 0; i < 9; i++)
        {
            using var alone = canonicaliser.Run(images.narrow(0, i, 1));
            var (own, other) = (alone.Images[0], together.Images[i]);
            Assert.That((other.Steps, other.BestStep, other.Stop), Is.EqualTo((own.Steps, own.BestStep, own.Stop)), $"image {i}");
            Assert.That(other.Total.After, Is.EqualTo(own.Total.After).Within(1e-3).Percent);
            Assert.That((together.Velocity.narrow(0, i, 1) - alone.Velocity).abs().max().item<float>(), Is.LessThan(1e-4));
        }
    }

    [Test]
    public void ImagesThatAreCanonical_AreLeftAlone([Values(0, 3)] int steps, [Values] bool fromStart)
    {
        using var scope = torch.NewDisposeScope();
        var start = fromStart ? FieldFixtures.Field(4, 4, 6, 1, seed: 4) : null;
        using var fields = Graphs(false);
        var images = Images(4);
        using var free = new Canonicaliser(_energy, Options with { Steps = 0 }, fields).Run(images);
        var energies = free.Images.Select(image => image.InputEnergy).Order().ToArray();
        var options = Options with
            { Steps = steps, Accept = AcceptanceRule.Checked, CanonicalBelow = (energies[1] + energies[2]) / 2 };
        using var found = new Canonicaliser(_energy, options, fields).Run(images, start);
        using var expected = new Canonicaliser(_energy, options).Run(images, start);
        Assert.That(found.Images.Select(image => (image.Stop, image.Steps, image.Refusal?.Reason)),
            Is.EqualTo(expected.Images.Select(image => (image.Stop, image.Steps, image.Refusal?.Reason))));
        Assert.That(found.Images.Count(image => image.Refusal?.Reason == RefusalReason.AlreadyCanonical), Is.EqualTo(2));
        Assert.That(found.Images.Count(image => image.Stop == StopReason.Canonical), Is.EqualTo(steps == 0 ? 0 : 2));
    }

    [Test]
    public void WithoutTime_TheSearchEndsAtItsStart()
    {
        using var scope = torch.NewDisposeScope();
        using var fields = Graphs(false);
        using var found = new Canonicaliser(_energy, Options with { Steps = 50, TimeBudget = TimeSpan.Zero }, fields).Run(Images(2));
        Assert.That(found.Images.Select(image => (image.Stop, image.Steps)), Is.All.EqualTo((StopReason.TimeBudget, 0)));
    }

    [Test]
    public void Warp_IsThatOfLibtorch([Values(WarpPadding.Zeros, WarpPadding.Border)] WarpPadding padding, [Values] bool forGpu)
    {
        using var scope = torch.NewDisposeScope();
        var options = Options with { Padding = padding };
        var velocity = FieldFixtures.Field(3, 4, 6, 1, seed: 4) * torch.tensor(new[] { 0.2f, 1, 4 }).view(3, 1, 1, 1);
        using var fields = Graphs(forGpu);
        using var found = fields.Warp(options, Images(3), velocity, default);
        var expected = new TorchFields(_energy).Warp(options, Images(3), velocity, default);
        Assert.That((found - expected).abs().max().item<float>(), Is.LessThan(1e-5));
    }

    [Test]
    public void MirroredImages_AreRefused()
    {
        using var scope = torch.NewDisposeScope();
        using var fields = Graphs(false);
        var canonicaliser = new Canonicaliser(_energy, Options with { Padding = WarpPadding.Reflection }, fields);
        Assert.That(() => canonicaliser.Run(Images(1)), Throws.TypeOf<GraphException>().With.Message.EqualTo(
            "Fields by graphs know images that end in zeros or in their border, not mirrored ones; use fields 'torch'."));
    }

    private GraphFields Graphs(bool forGpu) => new(
        _engine, _energy, EnergyComposer.ComposeValues(_bundle), forGpu ? BatchSizes.Fixed : BatchSizes.AsTheyCome);

    private (CanonicalisationResult ByTorch, CanonicalisationResult ByGraphs) Both(
        SearchSpec options, torch.Tensor images, torch.Tensor start, bool forGpu)
    {
        using var fields = Graphs(forGpu);
        return (new Canonicaliser(_energy, options).Run(images, start), new Canonicaliser(_energy, options, fields).Run(images, start));
    }

    private static void AssertSame(CanonicalisationResult expected, CanonicalisationResult found) => Assert.Multiple(() =>
    {
        foreach (var (one, other) in new[]
        {
            (expected.Velocity, found.Velocity), (expected.Displacement, found.Displacement),
            (expected.InverseDisplacement, found.InverseDisplacement), (expected.Canonical, found.Canonical),
        })
            Assert.That((one - other).abs().max().item<float>(), Is.LessThan(2e-4));
        for (var i = 0; i < expected.Images.Count; i++)
        {
            var (one, other) = (expected.Images[i], found.Images[i]);
            Assert.That((other.Steps, other.Stop, other.BestStep, other.Squarings, other.Accepted, other.VelocityScale),
                Is.EqualTo((one.Steps, one.Stop, one.BestStep, one.Squarings, one.Accepted, one.VelocityScale)), $"image {i}");
            foreach (var (a, b) in one.Terms.Append(one.Total).Append(one.Energy).Zip(other.Terms.Append(other.Total).Append(other.Energy)))
            {
                Assert.That(b.Before, Near(a.Before), $"image {i}, {a.Name} before");
                Assert.That(b.After, Near(a.After), $"image {i}, {a.Name}");
            }

            Assert.That(other.InputEnergy, Is.EqualTo(one.InputEnergy).Within(1e-3).Percent, $"image {i}");
        }
    });

    private static NUnit.Framework.Constraints.IResolveConstraint Near(double expected) =>
        double.IsNaN(expected) ? Is.NaN : Is.EqualTo(expected).Within((1e-3 * Math.Abs(expected)) + 1e-6);

    /// <summary>A velocity that rises over five pixels and ends abruptly, both ways: its map folds at the corner, although no neighbours
    /// differ by a whole pixel.</summary>
    private static torch.Tensor Folding(int first)
    {
        var v = torch.zeros(1, 2, 12, 16);
        for (var row = 1; row <= 5; row++)
        {
            for (var column = 1; column <= 5; column++)
            {
                v[0, torch.TensorIndex.Colon, first + row - 1, first + column - 1] =
                    (float)(1.2 * Math.Min(row, column) / 5 * Grid.PixelSize);
            }
        }

        var u = ScalingAndSquaring.Exp(v, ScalingAndSquaring.Squarings(v, 0));
        var largest = new[] { 2, 3 }.Max(side =>
            (u.narrow(side, 1, u.size(side) - 1) - u.narrow(side, 0, u.size(side) - 1)).abs().max().item<float>()) / Grid.PixelSize;
        Assert.That(largest, Is.InRange(0.55, 0.95));
        return v;
    }

    private static torch.Tensor Images(int count) => FieldFixtures.Image(count, 2, 12, 16, seed: 8);
}
