using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tests.Bundles;

namespace DiffeoNN.Onnx.Tests.Inference;

/// <summary>Networks that take images otherwise than plain float32, channels first, in batches of any size, find and answer what the same
/// networks find and answer plainly.</summary>
[TestFixture]
internal sealed class OtherInputsTests
{
    private static readonly EquivariantOptions Options = new()
    {
        Execution = new ExecutionOptions { Device = ExecutionDevice.Cpu }, Accept = AcceptanceRule.Always,
    };

    private static IEnumerable<TestCaseData> Inputs()
    {
        yield return Case("channels last", tiny => tiny.ChannelsLast(), 1e-5);
        yield return Case("0 to 255", tiny => tiny.To255(), 1e-4);
        yield return Case("own mean and std", tiny => tiny.OwnNormalisation(), 1e-5);
        yield return Case("float64", tiny => tiny.OfType(OnnxElementType.Double), 1e-5);
        yield return Case("float16", tiny => tiny.OfType(OnnxElementType.Float16), 1e-2);
        yield return Case("batch of 1", tiny => tiny.OfBatch(1, false), 1e-5);

        static TestCaseData Case(string name, Func<TinyBundle, TinyBundle> change, double within) =>
            new TestCaseData(change, within).SetArgDisplayNames(name);
    }

    private static IEnumerable<TestCaseData> Bound()
    {
        yield return new TestCaseData(1).SetArgDisplayNames("batch of 1, row by row");
        yield return new TestCaseData(2).SetArgDisplayNames("batch of 2, which does not divide 3 images");
    }

    [TestCaseSource(nameof(Inputs))]
    public void Search_FindsAndAnswersWhatPlainNetworksDo(Func<TinyBundle, TinyBundle> change, double within)
    {
        using TinyBundle plain = OtherInputs.Plain(), other = change(OtherInputs.Plain());
        Compare(plain, other, Options with { Start = StartPoint.Identity, Steps = 5 }, within);
    }

    [TestCaseSource(nameof(Inputs))]
    public void Search_ByGraphs_FindsAndAnswersWhatPlainNetworksDo(Func<TinyBundle, TinyBundle> change, double within)
    {
        using TinyBundle plain = OtherInputs.Plain(), other = change(OtherInputs.Plain());
        Compare(plain, other, Options with { Start = StartPoint.Identity, Steps = 5, Fields = FieldEngine.Onnx }, within);
    }

    [TestCaseSource(nameof(Inputs))]
    public void Proposals_OnTheDevice_AnswerWhatPlainNetworksDo(Func<TinyBundle, TinyBundle> change, double within)
    {
        using TinyBundle plain = OtherInputs.Plain(), other = change(OtherInputs.Plain());
        Compare(plain, other, Options with { Start = StartPoint.Proposer, Steps = 0, Fields = FieldEngine.Onnx }, within);
    }

    [TestCaseSource(nameof(Inputs))]
    public void Search_WithTheEngineTorch_FindsAndAnswersWhatPlainNetworksDo(Func<TinyBundle, TinyBundle> change, double within)
    {
        using TinyBundle plain = OtherInputs.Plain(), other = change(OtherInputs.Plain());
        var torch = Options.Execution with { Engine = EngineKind.Torch };
        Compare(plain, other, Options with { Start = StartPoint.Proposer, Steps = 3, Execution = torch }, within);
    }

    [TestCaseSource(nameof(Bound))]
    public void Batch_ThatCannotBeFreed_RunsInBatchesOfItsSize(int batch)
    {
        using TinyBundle plain = OtherInputs.Plain(), other = OtherInputs.Plain().OfBatch(batch, true);
        Assert.That(other.Load().LoadFreed(BundleRole.Inner).Format.Batch, Is.EqualTo(batch));
        Compare(plain, other, Options with { Start = StartPoint.Identity, Steps = 5 }, 1e-5);
        Compare(plain, other, Options with { Start = StartPoint.Proposer, Steps = 0 }, 1e-5);
        var torch = Options.Execution with { Engine = EngineKind.Torch };
        Compare(plain, other, Options with { Start = StartPoint.Proposer, Steps = 2, Execution = torch }, 1e-5);
    }

    [TestCase(1, 0)]
    [TestCase(2, 3)]
    public void Batch_ThatIsNotProvenToKeepImagesApart_IsWarnedOf(int batch, int warnings)
    {
        using var tiny = OtherInputs.Plain().OfBatch(batch, true);
        using var model = EquivariantModel.Load(tiny.Path, Options with { Start = StartPoint.Identity, Steps = 0 });
        Assert.That(model.Warnings, Has.Count.EqualTo(warnings), string.Join(Environment.NewLine, model.Warnings));
        if (warnings == 0) return;
        Assert.That(model.Warnings[0], Is.EqualTo("Network inner is run 2 images at a time (the last run filled up with copies of its last "
            + "image), and that images do not change each other's results is not proven: Transpose (node 'turned') may let images see each "
            + "other. Export it with a free first dimension (dynamic_axes or dynamic_shapes)."));
        using var free = OtherInputs.Plain().OfBatch(2, false);
        using var freed = EquivariantModel.Load(free.Path, Options);
        Assert.That(freed.Warnings, Is.Empty);
    }

    [Test]
    public void Batch_OfOne_GivesAnImageTheSameBitsWhateverElseIsInTheBatch()
    {
        using var tiny = OtherInputs.Plain().OfBatch(1, true);
        using var model = EquivariantModel.Load(tiny.Path, Options with { Start = StartPoint.Identity, Steps = 4 });
        var images = Images(3);
        using var together = model.Run(images);
        using var alone = model.Run([images[1]]);
        Assert.That(together.Images[1].Output.Planes!.Data.ToArray(), Is.EqualTo(alone.Images[0].Output.Planes!.Data.ToArray()));
        Assert.That(model.RunNaive(images)[2].Planes!.Data.ToArray(),
            Is.EqualTo(model.RunNaive([images[2]])[0].Planes!.Data.ToArray()));
    }

    [Test]
    public void Batch_OfAnEnergyThatCannotBeFreed_KeepsFieldsFromBeingGraphs()
    {
        using var tiny = OtherInputs.Plain().OfBatch(2, true);
        Assert.That(
            () => EquivariantModel.Load(tiny.Path, Options with { Fields = FieldEngine.Onnx }),
            Throws.TypeOf<GraphException>().With.Message.EqualTo(
                "Fields 'onnx' are one graph with the energy, a network of which takes batches of 2 alone: take fields 'torch', or "
                + "export it with a free first dimension (dynamic_axes or dynamic_shapes)."));
    }

    [Test]
    public void Bytes_AreThePixelsOfTheCanonicalImageRounded()
    {
        using TinyBundle plain = OtherInputs.Plain(), other = OtherInputs.Plain().OfBytes();
        using EquivariantModel first = EquivariantModel.Load(plain.Path, Options), second = EquivariantModel.Load(other.Path, Options);
        var images = Images(3);
        foreach (var image in images)
            foreach (ref var value in image.Data) value = MathF.Round(value * 255) / 255;
        var (expected, found) = (first.RunNaive(images), second.RunNaive(images));
        for (var i = 0; i < images.Length; i++)
            Assert.That(found[i].Planes!.Data.ToArray(), Is.EqualTo(expected[i].Planes!.Data.ToArray()).Within(1e-5), $"image {i}");
        // Half a step of 255 moves probabilities by little, but by something.
        foreach (var options in new[] { Options with { Steps = 0 }, Options with { Steps = 0, Fields = FieldEngine.Onnx } })
            Compare(plain, other, options, 1e-2);
    }

    private static void Compare(TinyBundle plain, TinyBundle other, EquivariantOptions options, double within)
    {
        using EquivariantModel first = EquivariantModel.Load(plain.Path, options), second = EquivariantModel.Load(other.Path, options);
        var images = Images(3);
        using var expected = first.Run(images);
        using var found = second.Run(images);
        Assert.That((found.Fields.Displacement - expected.Fields.Displacement).abs().max().item<float>(), Is.LessThan(within * 10));
        Assert.That(expected.Fields.Displacement.abs().max().item<float>(), Is.GreaterThan(1e-3), "something has to move");
        for (var i = 0; i < images.Length; i++)
        {
            Assert.That(found.Images[i].Output.Planes!.Data.ToArray(),
                Is.EqualTo(expected.Images[i].Output.Planes!.Data.ToArray()).Within(within), $"image {i}");
            Assert.That(found.Images[i].Canonicalisation.InputEnergy, Is.EqualTo(expected.Images[i].Canonicalisation.InputEnergy)
                .Within(within * 10 * Math.Max(1, Math.Abs(expected.Images[i].Canonicalisation.InputEnergy))), $"image {i}");
        }
    }

    private static ImageBuffer[] Images(int count)
    {
        var random = new Random(5);
        return [.. Enumerable.Range(0, count).Select(_ =>
        {
            var image = new ImageBuffer(2, 12, 16);
            foreach (ref var value in image.Data) value = random.NextSingle();
            return image;
        })];
    }
}
