using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tests.Bundles;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Canonicalisation.Graphs;

/// <summary>Fields by graphs against fields by libtorch: the same search on the tiny bundle, two channels of 12x16 pixels.</summary>
public sealed class GraphFieldsTests
{
    private static readonly EquivariantOptions Options = new()
    {
        Execution = new ExecutionOptions { Device = ExecutionDevice.Cpu, Threads = 1 }, Accept = AcceptanceRule.Always,
    };

    // Some derivatives (of a SIREN's many weights, of a node a pixel) are nothing but rounding, whose sign Adam takes for a direction,
    // and processors round differently: small steps keep that small.
    [TestCase(StartPoint.Identity, 0, FieldKind.Lattice, 0.02)]
    [TestCase(StartPoint.Identity, 6, FieldKind.Lattice, 0.02)]
    [TestCase(StartPoint.Identity, 3, FieldKind.Siren, 2e-5)]
    [TestCase(StartPoint.Proposer, 0, FieldKind.Lattice, 0.02)]
    [TestCase(StartPoint.Proposer, 6, FieldKind.Lattice, 0.02)]
    [TestCase(StartPoint.Multi, 4, FieldKind.Lattice, 0.02)]
    public void Search_IsTheSame(StartPoint start, int steps, FieldKind kind, double rate) => AssertSame(
        Options with { Start = start, Steps = steps, Field = kind, LearningRate = rate, Patience = 0 },
        Images(3, 12, 16));

    [TestCase(WarpPadding.Zeros, LatticeBasis.Linear, 4, 0.02)]
    [TestCase(WarpPadding.Border, LatticeBasis.CubicBSpline, 4, 0.02)]
    [TestCase(WarpPadding.Border, LatticeBasis.CubicBSpline, 0, 1e-5)]
    public void Search_IsTheSame_ForEveryPaddingAndLattice(WarpPadding padding, LatticeBasis basis, int lattice, double rate) => AssertSame(
        Options with
        {
            Start = StartPoint.Identity, Steps = 5,
            Field = FieldKind.Lattice, Padding = padding, Basis = basis, Lattice = lattice, LearningRate = rate, Patience = 0,
        },
        Images(2, 12, 16));

    [Test]
    public void Search_IsTheSame_WhereFieldsNeedDifferentSquaringsAndFold() => AssertSame(
        Options with
        {
            Start = StartPoint.Proposer, Steps = 5,
            Field = FieldKind.Lattice, Squarings = 0, LearningRate = 0.3, Patience = 0, Smoothness = 0.01,
        },
        Images(4, 12, 16),
        1e-3);

    /// <summary>Derivatives as small as the optimiser's epsilon, which then has its say in how far a step goes.</summary>
    [Test]
    public void Search_IsTheSame_WhereDerivativesAreAsSmallAsEpsilon()
    {
        var options = Options with
        {
            Start = StartPoint.Identity, Steps = 3, Field = FieldKind.Lattice, LearningRate = 0.02, Patience = 0,
            Vae = 0, Beta = 0, Adversarial = 1e-6, Energy = 0, Smoothness = 0, Orientation = 0,
        };
        var images = Images(2, 12, 16);
        using var byTorch = EquivariantModel.Load(TinyBundle.Original, options with { Fields = FieldEngine.Torch });
        using var byGraphs = EquivariantModel.Load(TinyBundle.Original, options with { Fields = FieldEngine.Onnx });
        using var loud = EquivariantModel.Load(TinyBundle.Original, options with { Adversarial = 1 });
        using var scope = torch.NewDisposeScope();
        using var expected = byTorch.Run(images);
        using var found = byGraphs.Run(images);
        using var far = loud.Run(images);
        var size = expected.Fields.Velocity.abs().mean().item<float>();
        Assert.That(size / far.Fields.Velocity.abs().mean().item<float>(), Is.InRange(0.05, 0.9), "of where no epsilon matters");
        Assert.That((found.Fields.Velocity - expected.Fields.Velocity).abs().max().item<float>(), Is.LessThan(0.005 * size));
    }

    [TestCase(0, true)]
    [TestCase(0, false)]
    [TestCase(2, true)]
    public void Passes_AreTheSame(int steps, bool average) => AssertSame(
        Options with
            { Start = StartPoint.Proposer, Steps = steps, Passes = 3, Average = average, LearningRate = 0.01 },
        Images(3, 12, 16));

    [TestCase(12, 16, true)]
    [TestCase(12, 16, false)]
    [TestCase(25, 18, true)]
    public void Answers_CanBeAskedForRowByRow(int height, int width, bool average)
    {
        var options = Options with { Start = StartPoint.Proposer, Steps = 0, Passes = 2, Average = average };
        using var byTorch = EquivariantModel.Load(TinyBundle.Original, options with { Fields = FieldEngine.Torch });
        using var byGraphs = EquivariantModel.Load(TinyBundle.Original, options with { Fields = FieldEngine.Onnx });
        ScaledImage[] images = [.. Images(2, height, width).Select(byGraphs.Prepare)];
        using var expected = byTorch.Canonicalise(images);
        using var actual = byGraphs.Canonicalise(images);
        for (var i = 0; i < images.Length; i++)
        {
            var (wanted, answer) = (expected.Answer(i).ToOutput(), actual.Answer(i));
            var (whole, summary) = (answer.ToOutput(), answer.ToSummary());
            Assert.That((answer.Kind, answer.Height, answer.Width, answer.Channels),
                Is.EqualTo((OutputKind.Segmentation, height, width, 3)));
            Assert.That((summary.Kind, summary.Height, summary.Width, summary.Planes),
                Is.EqualTo((OutputKind.Segmentation, height, width, (ImageBuffer?)null)));
            Assert.That(summary.Labels!.Labels.ToArray(), Is.EqualTo(whole.Labels!.Labels.ToArray()));
            Assert.That(whole.Planes!.Data.ToArray(), Is.EqualTo(wanted.Planes!.Data.ToArray()).Within(1e-3));
            foreach (var (first, rows) in answer.Tiles(2))
                Assert.That(rows.Data.ToArray(), Is.EqualTo(whole.Planes.Plane(2).Slice(first * width, rows.Height * width).ToArray()));
            var some = answer.Rows(3, 4);
            for (var c = 0; c < 3; c++)
                Assert.That(some.Plane(c).ToArray(), Is.EqualTo(whole.Planes.Plane(c).Slice(3 * width, 4 * width).ToArray()));
            Assert.That(() => answer.Rows(height - 1, 2), Throws.InstanceOf<ArgumentOutOfRangeException>());
        }
    }

    [Test]
    public void Refusals_AreTheSame() => AssertSame(
        Options with { Start = StartPoint.Proposer, Steps = 0, Passes = 2, Average = true, Accept = AcceptanceRule.Checked,
            MinimumDecrease = 0 },
        Images(6, 12, 16));

    [Test]
    public void Repairs_AreTheSame() => AssertSame(
        Options with
        {
            Start = StartPoint.Proposer,
            Steps = 0,
            Squarings = 0, InverseResidual = 0.02,
        },
        Images(6, 12, 16), 5e-4);

    [Test]
    public void Images_LeaveTheBatch_AsTheyConverge()
    {
        var options = Options with
        {
            Start = StartPoint.Identity, Steps = 40, Fields = FieldEngine.Onnx,
            Field = FieldKind.Lattice, Patience = 3, Tolerance = 0.01, LearningRate = 0.02,
        };
        using var model = EquivariantModel.Load(TinyBundle.Original, options);
        var images = Images(6, 12, 16);
        using var together = model.Run(images);
        Assert.That(together.Images.Select(image => image.Canonicalisation.Steps).Distinct().Count(), Is.GreaterThan(1));
        for (var i = 0; i < images.Length; i++)
        {
            using var alone = model.Run([images[i]]);
            Assert.That(alone.Images[0].Canonicalisation.Steps, Is.EqualTo(together.Images[i].Canonicalisation.Steps));
            Assert.That(alone.Images[0].Canonicalisation.Total.After,
                Is.EqualTo(together.Images[i].Canonicalisation.Total.After).Within(1e-4).Percent);
        }
    }

    [Test]
    public void Cancellation_EndsTheSearch()
    {
        using var model = EquivariantModel.Load(
            TinyBundle.Original, Options with { Start = StartPoint.Identity, Steps = 1000, Fields = FieldEngine.Onnx });
        using var source = new CancellationTokenSource();
        var progress = new Until(3, source);
        Assert.That(() => model.Run(Images(1, 12, 16), progress, source.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(progress.Steps, Is.LessThan(10));
    }

    [Test]
    public void EngineTorch_DoesNotTakeGraphs() => Assert.That(
        () => EquivariantModel.Load(TinyBundle.Original,
            Options with { Fields = FieldEngine.Onnx, Execution = Options.Execution with { Engine = EngineKind.Torch } }),
        Throws.TypeOf<GraphException>().With.Message.Contains("take fields 'torch'"));

    private static void AssertSame(EquivariantOptions options, ImageBuffer[] images, double tolerance = 1e-4)
    {
        using var byTorch = EquivariantModel.Load(TinyBundle.Original, options with { Fields = FieldEngine.Torch });
        using var byGraphs = EquivariantModel.Load(TinyBundle.Original, options with { Fields = FieldEngine.Onnx });
        using var expected = byTorch.Run(images);
        using var actual = byGraphs.Run(images);
        using var scope = torch.NewDisposeScope();
        Assert.Multiple(() =>
        {
            Near(expected.Fields.Velocity, actual.Fields.Velocity, "velocity");
            Near(expected.Fields.Displacement, actual.Fields.Displacement, "displacement");
            Near(expected.Fields.InverseDisplacement, actual.Fields.InverseDisplacement, "inverse");
            Near(expected.Fields.Canonical, actual.Fields.Canonical, "canonical image");
            for (var i = 0; i < images.Length; i++)
            {
                var (one, other) = (expected.Images[i].Canonicalisation, actual.Images[i].Canonicalisation);
                Assert.That(actual.Images[i].Maps, Is.EqualTo(expected.Images[i].Maps));
                Assert.That(actual.Images[i].Output.Planes!.Data.ToArray(),
                    Is.EqualTo(expected.Images[i].Output.Planes!.Data.ToArray()).Within(10 * tolerance));
                Assert.That(
                    actual.Images[i].CanonicalOutput.Planes!.Data.ToArray(),
                    Is.EqualTo(expected.Images[i].CanonicalOutput.Planes!.Data.ToArray()).Within(10 * tolerance));
                Assert.That((other.Steps, other.Stop, other.Squarings, other.Accepted),
                    Is.EqualTo((one.Steps, one.Stop, one.Squarings, one.Accepted)));
                foreach (var (a, b) in one.Terms.Append(one.Total).Zip(other.Terms.Append(other.Total)))
                    Assert.That(b.After, Is.EqualTo(a.After).Within((1e-5 + Math.Abs(a.After)) * 10 * tolerance), a.Name);
                Assert.That(other.InputEnergy, Is.EqualTo(one.InputEnergy).Within(1e-4).Percent);
                var (d, e) = (one.FoundDiagnostics, other.FoundDiagnostics);
                double[] measured = [e.MinimumDeterminant, e.MaximumDeterminant, e.FoldedFraction, e.InverseResidualMaximum,
                    e.InverseResidualMean, e.InverseMinimumDeterminant];
                double[] right = [d.MinimumDeterminant, d.MaximumDeterminant, d.FoldedFraction, d.InverseResidualMaximum,
                    d.InverseResidualMean, d.InverseMinimumDeterminant];
                Assert.That(measured, Is.EqualTo(right).Within(10 * tolerance));
            }
        });

        void Near(torch.Tensor a, torch.Tensor b, string name) =>
            Assert.That((a - b).abs().max().item<float>(), Is.LessThan(tolerance), name);
    }

    // Smooth, so that derivatives do not hang on the side from which a pixel is looked at.
    private static ImageBuffer[] Images(int count, int height, int width) =>
    [
        .. Enumerable.Range(0, count).Select(i =>
        {
            var image = new ImageBuffer(2, height, width);
            for (var p = 0; p < height * width; p++)
            {
                var (y, x) = (p / width / (double)height, p % width / (double)width);
                image.Plane(0)[p] = (float)(0.5 + (0.4 * Math.Sin((5 * x) + i) * Math.Cos(4 * y)));
                image.Plane(1)[p] = (float)(0.5 + (0.4 * Math.Cos((3 * x) - (6 * y) + i)));
            }

            return image;
        }),
    ];

    private sealed class Until(int step, CancellationTokenSource source) : IProgress<CanonicalisationProgress>
    {
        public int Steps { get; private set; }

        public void Report(CanonicalisationProgress value)
        {
            Steps = value.Step;
            if (value.Step >= step) source.Cancel();
        }
    }
}
