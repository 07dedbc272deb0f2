using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Tests.Bundles;
using DiffeoNN.Onnx.Tests.Support;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Inference;

/// <summary>Which images are taken, and what a model leaves behind.</summary>
public sealed partial class EquivariantModelTests
{
    [Test]
    public void Images_MustHaveTwoPixelsEachWay()
    {
        using var model = EquivariantModel.Load(TinyBundle.Original, Options);
        Assert.That(() => model.CheckFits(new ImageFileInfo(2, 2, 2)), Throws.Nothing);
        foreach (var (height, width) in new[] { (1, 9), (9, 1) })
            Assert.That(() => model.CheckFits(new ImageFileInfo(2, height, width)), Throws.TypeOf<ImageException>().With.Message.EqualTo(
                $"An image is {width}x{height} pixels; at least 2x2 are needed."));
    }

    [Test]
    public void ImagesWithAFirstValueOutOfRange_AreRefused()
    {
        using var model = EquivariantModel.Load(TinyBundle.Original, Options);
        var images = Images(1, 12, 16);
        images[0][0, 0, 0] = 2;
        Assert.That(() => model.RunNaive(images),
            Throws.TypeOf<ImageException>().With.Message.StartsWith("An image holds the value 2 (channel 0, row 0, column 0);"));
    }

    /// <summary>Results keep the input: the caller may go on writing to the image it gave. What keeps nothing copies nothing.</summary>
    [Test]
    public void AnImageOfTheBundlesSize_IsCopiedOnlyWhereItIsKept()
    {
        using var model = EquivariantModel.Load(TinyBundle.Original, Options);
        var image = Images(1, 12, 16)[0];
        var values = image.Data.ToArray();
        using var result = model.Run([image]);
        var prepared = model.Prepare(image);
        Assert.That(model.PrepareShared(image).Pixels, Is.SameAs(image));

        image.Data.Clear();

        Assert.That(result.Images[0].Input.Data.ToArray(), Is.EqualTo(values));
        Assert.That(prepared.Pixels.Data.ToArray(), Is.EqualTo(values));
    }

    [Test]
    public void Dispose_LeavesNoTensorOfTheModel()
    {
        EquivariantModel.Load(TinyBundle.Original, Options).Dispose();
        var live = LiveTensors.Settled();
        EquivariantModel.Load(TinyBundle.Original, Options).Dispose();
        Assert.That(torch.Tensor.TotalCount, Is.EqualTo(live));
    }
}
