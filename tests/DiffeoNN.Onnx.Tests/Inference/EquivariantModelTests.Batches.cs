using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tests.Bundles;
using DiffeoNN.Onnx.Tests.Support;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Inference;

/// <content>Batches whose answers are mapped back when they are asked for.</content>
public sealed partial class EquivariantModelTests
{
    [Test]
    public void Canonicalise_GivesTheAnswersOfRunRowByRow()
    {
        using var model = EquivariantModel.Load(
            TinyBundle.Original, Options with { Steps = 2, Accept = AcceptanceRule.Always, Passes = 2, Average = true });
        ImageBuffer[] images = [.. Images(1, 12, 16), .. Images(1, 31, 20), .. Images(1, 5, 64)];
        using var whole = model.Run(images);
        using var batch = model.Canonicalise([.. images.Select(model.Prepare)]);
        Assert.That(batch.Count, Is.EqualTo(3));
        for (var i = 0; i < batch.Count; i++)
        {
            var (answer, expected) = (batch.Answer(i), whole.Images[i].Output);
            Assert.That((answer.Kind, answer.Height, answer.Width, answer.Channels),
                Is.EqualTo((expected.Kind, expected.Height, expected.Width, 3)));
            var summary = answer.ToSummary();
            Assert.That(summary.Planes, Is.Null);
            Assert.That(summary.Labels!.Labels.ToArray(), Is.EqualTo(expected.Labels!.Labels.ToArray()));
            Assert.That(answer.ToOutput().Planes!.Data.ToArray(), Is.EqualTo(expected.Planes!.Data.ToArray()));
            for (var row = 0; row < answer.Height; row++)
            {
                var all = answer.Rows(row, 1);
                for (var c = 0; c < 3; c++)
                {
                    var wanted = expected.Planes.Plane(c).Slice(row * answer.Width, answer.Width).ToArray();
                    Assert.That(all.Plane(c).ToArray(), Is.EqualTo(wanted), $"row {row}");
                    Assert.That(answer.Rows(row, 1, c).Data.ToArray(), Is.EqualTo(wanted), $"row {row} of plane {c}");
                }
            }

            var image = batch.Image(i, summary);
            Assert.That((image.Maps, image.Canonicalisation.Accepted), Is.EqualTo((whole.Images[i].Maps, true)));
            Assert.That(image.Canonical.Data.ToArray(), Is.EqualTo(whole.Images[i].Canonical.Data.ToArray()));
            Assert.That(() => answer.Rows(answer.Height, 1), Throws.InstanceOf<ArgumentOutOfRangeException>());
            Assert.That(() => answer.Rows(0, 1, 3), Throws.InstanceOf<ArgumentOutOfRangeException>());
        }
    }

    [Test]
    public void Canonicalise_LeavesNoTensorBehind()
    {
        using var model = EquivariantModel.Load(TinyBundle.Original, Options with { Steps = 1 });
        ScaledImage[] images = [.. Images(2, 20, 30).Select(model.Prepare)];
        void Step()
        {
            using var batch = model.Canonicalise(images);
            foreach (var answer in model.RunNaive(images)) answer.Dispose();
            batch.Answer(0).ToOutput();
            model.Run(Images(1, 12, 16)).Dispose();
        }

        Step();
        var before = LiveTensors.Settled();
        Step();
        Assert.That(torch.Tensor.TotalCount, Is.EqualTo(before));
    }

    [Test]
    public void PreparedImages_HaveValuesOf0To1()
    {
        using var model = EquivariantModel.Load(TinyBundle.Original, Options with { Steps = 0 });
        foreach (var (height, width) in new[] { (12, 16), (40, 30) })
        {
            var image = new ImageBuffer(2, height, width);
            image[1, 3, 5] = 255;
            Assert.That(() => model.Prepare(image),
                Throws.TypeOf<ImageException>().With.Message.Contains("holds the value 255 (channel 1, row 3, column 5)"));
        }

        var made = new ScaledImage(new ImageBuffer(2, 12, 16), 12, 16);
        made.Pixels[0, 2, 7] = -1;
        Assert.That(() => model.Canonicalise([made]),
            Throws.TypeOf<ImageException>().With.Message.Contains("the value -1 (channel 0, row 2, column 7)"));
        Assert.That(() => model.RunNaive([made]), Throws.TypeOf<ImageException>().With.Message.Contains("the value -1"));
    }

    [Test]
    public void Canonicalise_OfImagesThatWereNotPrepared_SaysWhatMakesThem()
    {
        using var model = EquivariantModel.Load(TinyBundle.Original, Options with { Steps = 0 });
        Assert.That(
            () => model.Canonicalise([new ScaledImage(new ImageBuffer(2, 13, 16), 13, 16)]),
            Throws.ArgumentException.With.Message.Contains("2x13x16").And.Message.Contains("2x12x16").And.Message.Contains("Prepare"));
    }
}
