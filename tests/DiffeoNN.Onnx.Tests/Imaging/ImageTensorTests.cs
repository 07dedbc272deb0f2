using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Tests.Support;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Imaging;

/// <summary>Images to tensors, tensors to images and labels.</summary>
public sealed class ImageTensorTests
{
    [Test]
    public void ToTensor_ThenFromTensor_GivesTheSameImages()
    {
        ImageBuffer[] images = [new(2, 2, 3, [.. Enumerable.Range(0, 12).Select(i => (float)i)]),
            new(2, 2, 3, [.. Enumerable.Range(20, 12).Select(i => (float)i)])];
        using var tensor = ImageTensor.ToTensor(images);
        Assert.That(tensor.shape, Is.EqualTo(new long[] { 2, 2, 2, 3 }));
        Assert.That(tensor[1, 1, 0, 2].item<float>(), Is.EqualTo(images[1][1, 0, 2]));
        var back = ImageTensor.FromTensor(tensor);
        for (var i = 0; i < 2; i++) Assert.That(back[i].Data.ToArray(), Is.EqualTo(images[i].Data.ToArray()));
    }

    [Test]
    public void FromTensor_OfViewAndDouble_CopiesInOrder()
    {
        using var scope = torch.NewDisposeScope();
        var tensor = torch.arange(6, torch.float64).reshape(1, 1, 3, 2).transpose(2, 3);
        Assert.That(ImageTensor.FromTensor(tensor)[0].Data.ToArray(), Is.EqualTo(new float[] { 0, 2, 4, 1, 3, 5 }));
    }

    [Test]
    public void ToTensor_OfDifferentSizes_NamesTheImage() => Assert.That(
        () => ImageTensor.ToTensor([new ImageBuffer(1, 2, 2), new ImageBuffer(1, 2, 3)]),
        Throws.ArgumentException.With.Message.Contains("image 1 is 1x2x3, image 0 1x2x2"));

    [Test]
    public void FromProbabilities_TakesTheLargestClassOrTheThreshold()
    {
        using var scope = torch.NewDisposeScope();
        var three = torch.tensor(new[] { 0.1f, 0.5f, 0.6f, 0.4f, 0.3f, 0.1f }).reshape(1, 3, 1, 2);
        Assert.That(LabelMap.FromProbabilities(three)[0].Labels.ToArray(), Is.EqualTo(new byte[] { 1, 0 }));
        var one = torch.tensor(new[] { 0.49f, 0.5f }).reshape(1, 1, 1, 2);
        Assert.That(LabelMap.FromProbabilities(one)[0].Labels.ToArray(), Is.EqualTo(new byte[] { 0, 1 }));
    }

    [Test]
    public void LabelMap_ToImageAndBack_KeepsLabels()
    {
        var map = new LabelMap(1, 4, [0, 3, 1, 2]);
        var image = map.ToImage(4);
        Assert.That(image.Data.ToArray(), Is.EqualTo(new[] { 0, 1, 1 / 3f, 2 / 3f }));
        Assert.That(LabelMap.FromImage(image, 4).Labels.ToArray(), Is.EqualTo(map.Labels.ToArray()));
        Assert.That(() => map.ToImage(3), Throws.ArgumentException.With.Message.Contains("label 3"));
    }

    [Test]
    public void Conversions_LeaveNoTensorBehind()
    {
        var before = LiveTensors.Settled();
        using (var tensor = ImageTensor.ToTensor(new ImageBuffer(3, 4, 4)))
        {
            ImageTensor.FromTensor(tensor);
            LabelMap.FromProbabilities(tensor);
        }

        Assert.That(torch.Tensor.TotalCount, Is.EqualTo(before));
    }

    [Test]
    public void Luma_OfGreySavedAsRgb_IsThatGreyToTheLastBit()
    {
        var grey = new ImageBuffer(1, 16, 16);
        for (var i = 0; i < 256; i++) grey.Data[i] = i / 255f;
        Assert.That(grey.WithChannels(3).WithChannels(1).Data.ToArray(), Is.EqualTo(grey.Data.ToArray()));
    }
}
