using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Tests.Bundles;
using DiffeoNN.Onnx.Tests.Support;
using TorchSharp;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Tests.Energies;

[TestFixture]
internal sealed class OnnxEnergyTests : EnergyTests
{
    private OnnxEnergy _energy = null!;

    [OneTimeSetUp]
    public void Load() => _energy = Load(TinyBundle.Original);

    [OneTimeTearDown]
    public void Dispose() => _energy.Dispose();

    [Test]
    public void Terms_AreTheFormulasOfTheirNetworksOutputs()
    {
        using var scope = NewDisposeScope();
        var bundle = Bundle.Load(TinyBundle.Original);
        var y = Images(3);
        var seen = ((y - tensor(new[] { 0.25f, 0.5f }).view(1, 2, 1, 1)) / tensor(new[] { 0.5f, 0.25f }).view(1, 2, 1, 1)).contiguous();
        var vae = Run(BundleRole.Vae);
        var score = Run(BundleRole.Critic)["score"];
        var own = Run(BundleRole.Energy)["energy"];
        using var result = _energy.Evaluate(y);

        var pixels = Values(y);
        var (decoded, mu, logvar) = (Values(vae["reconstruction"]), Values(vae["mu"]), Values(vae["logvar"]));
        var (scores, owns) = (Values(score), Values(own));
        for (var n = 0; n < 3; n++)
        {
            double squares = 0, divergence = 0, meanScore = 0, meanOwn = 0;
            for (var i = n * 384; i < (n + 1) * 384; i++) squares += (pixels[i] - decoded[i]) * (pixels[i] - decoded[i]);
            for (var i = n * 3; i < (n + 1) * 3; i++) divergence += 0.5 * ((mu[i] * mu[i]) + Math.Exp(logvar[i]) - 1 - logvar[i]);
            for (var i = n * 192; i < (n + 1) * 192; i++) meanScore += scores[i] / 192;
            for (var i = n * 384; i < (n + 1) * 384; i++) meanOwn += owns[i] / 384;
            double[] terms = [squares + (0.25 * divergence), meanScore, meanOwn];
            using (Assert.EnterMultipleScope())
            {
                Assert.That(Values(result.Terms[n]), Is.EqualTo(terms).Within(1e-5).Percent.Or.EqualTo(terms).Within(1e-5));
                Assert.That(
                    result.Energy[n].item<float>(), Is.EqualTo((0.5 * terms[0]) + (3 * terms[1]) + (2 * terms[2])).Within(1e-4));
            }
        }

        IReadOnlyDictionary<string, Tensor> Run(BundleRole role)
        {
            using var graph = Engine.Load(bundle.LoadModel(role).ToBytes(), role.ToString());
            return graph.Run(new Dictionary<string, Tensor> { ["image"] = seen });
        }
    }

    [Test]
    public void TermNames_FollowTheRoles()
    {
        Assert.That(_energy.TermNames, Is.EqualTo(new[] { "vae", "adversarial", "energy" }));
        Assert.That(_energy.Weights.Beta, Is.EqualTo(0.25));
    }

    [Test]
    public void Gradient_IsTheSlopeOfTheEnergy([Values(1UL, 2UL, 3UL)] ulong seed)
    {
        using var scope = NewDisposeScope();
        var y = Images(2);
        using var generator = new Generator(seed);
        var direction = randn([2, 2, 12, 16], generator: generator);
        using var at = _energy.Evaluate(y);
        using var above = _energy.Evaluate(y + (0.003 * direction), withGradient: false);
        using var below = _energy.Evaluate(y - (0.003 * direction), withGradient: false);

        var slope = Values((above.Energy - below.Energy) / 0.006);

        var claimed = Values((at.Gradient! * direction).sum([1L, 2, 3]));
        var scale = Values(at.Gradient!.square().sum([1L, 2, 3]).sqrt()).Max();
        Assert.That(slope, Is.EqualTo(claimed).Within(0.01 * scale), $"seed {seed}");
    }

    [Test]
    public void Evaluate_OfABatch_GivesWhatEachImageGivesAlone()
    {
        using var scope = NewDisposeScope();
        var y = Images(5);
        using var batch = _energy.Evaluate(y);
        for (var n = 0; n < 5; n++)
        {
            using var alone = _energy.Evaluate(y[TensorIndex.Slice(n, n + 1)]);
            using (Assert.EnterMultipleScope())
            {
                Assert.That(Comparison.LargestError(Values(batch.Terms[n]), Values(alone.Terms[0])), Is.LessThan(1e-6));
                Assert.That(Comparison.LargestError(Values(batch.Gradient![n]), Values(alone.Gradient![0])), Is.LessThan(1e-5));
            }
        }
    }

    [Test]
    public void Evaluate_Twice_GivesTheSameBits()
    {
        using var scope = NewDisposeScope();
        var y = Images(2);
        using var first = _energy.Evaluate(y);
        using var second = _energy.Evaluate(y);

        Assert.That(Values(second.Energy), Is.EqualTo(Values(first.Energy)));
        Assert.That(Values(second.Gradient!), Is.EqualTo(Values(first.Gradient!)));
    }

    [Test]
    public void Evaluate_WithoutGradient_GivesTheSameEnergyAndNoGradient()
    {
        using var scope = NewDisposeScope();
        var y = Images(2);
        using var with = _energy.Evaluate(y);
        using var without = _energy.Evaluate(y, withGradient: false);

        Assert.That(without.Gradient, Is.Null);
        Assert.That(Values(without.Energy), Is.EqualTo(Values(with.Energy)).Within(1e-5));
        Assert.That(Values(without.Terms), Is.EqualTo(Values(with.Terms)).Within(1e-5));
    }

    [Test]
    public void Evaluate_OfAView_ReadsItsOwnPixels()
    {
        using var scope = NewDisposeScope();
        var y = Images(2);
        var view = y.transpose(2, 3).contiguous().transpose(2, 3);
        using var expected = _energy.Evaluate(y);
        using var actual = _energy.Evaluate(view);

        Assert.That(view.is_contiguous(), Is.False);
        Assert.That(Values(actual.Gradient!), Is.EqualTo(Values(expected.Gradient!)));
    }

    [Test]
    public void Evaluate_LeavesNoTensorBehind()
    {
        using var scope = NewDisposeScope();
        var y = Images(2);
        _energy.Evaluate(y).Dispose();
        var before = LiveTensors.Settled();

        for (var i = 0; i < 10; i++) _energy.Evaluate(y).Dispose();

        Assert.That(Tensor.TotalCount, Is.EqualTo(before));
    }

    [Test]
    public void Dispose_ReleasesTheWeights()
    {
        var before = LiveTensors.Settled();

        Load(TinyBundle.Original).Dispose();

        Assert.That(Tensor.TotalCount, Is.EqualTo(before));
    }

    [TestCase(new[] { 2L, 1, 12, 16 })]
    [TestCase(new[] { 2L, 2, 16, 12 })]
    [TestCase(new[] { 0L, 2, 12, 16 })]
    [TestCase(new[] { 2L, 12, 16 })]
    public void Evaluate_OfOtherShapes_IsRefused(long[] shape)
    {
        using var images = zeros(shape);

        Assert.That(() => _energy.Evaluate(images), Throws.ArgumentException.With.Message.StartsWith(
            $"images have shape ({string.Join(", ", shape)}); the energy of 'tiny' needs (N, 2, 12, 16)."));
    }

    [Test]
    public void Evaluate_OfFloat64_IsRefused()
    {
        using var images = zeros([1L, 2, 12, 16], float64);

        Assert.That(
            () => _energy.Evaluate(images),
            Throws.ArgumentException.With.Message.StartsWith("images are float64; the energy of 'tiny' needs float32."));
    }

    [Test]
    public void Evaluate_AfterCancellation_Stops()
    {
        using var images = zeros([1L, 2, 12, 16]);
        using var source = new CancellationTokenSource();
        source.Cancel();

        Assert.That(
            () => _energy.Evaluate(images, cancellationToken: source.Token), Throws.InstanceOf<OperationCanceledException>());
    }
}
