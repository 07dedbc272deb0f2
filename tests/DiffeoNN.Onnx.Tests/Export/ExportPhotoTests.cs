using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Export;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Tests.Bundles;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Export;

/// <summary>Photos of any size in, answers of that size out.</summary>
[TestFixture]
public sealed class ExportPhotoTests
{
    private static readonly Lazy<OnnxModel> Shapes = new(() => ModelExporter.Export(
        Bundle.Load(Repository.Bundle("shapes")), new ExportOptions { Input = ExportInput.Photo }).Model);

    private static readonly Lazy<EquivariantModel> Library =
        new(() => EquivariantModel.Load(Repository.Bundle("shapes"), new EquivariantOptions { Execution = Exports.OneCore }));

    [OneTimeTearDown]
    public void Release()
    {
        if (Library.IsValueCreated) Library.Value.Dispose();
    }

    [TestCase(128, 128, 1)]
    [TestCase(37, 211, 1)]
    [TestCase(300, 200, 3)]
    [TestCase(150, 260, 4)]
    [TestCase(2, 2, 1)]
    [TestCase(2, 3, 3)]
    public void Answers_AreThoseOfTheLibrary_AtThePhotosSize(int height, int width, int channels)
    {
        using var scope = torch.NewDisposeScope();
        var bytes = Photo(height, width, channels);
        var found = Exports.Run(Shapes.Value, bytes);
        using var expected = Library.Value.Run([Pixels(bytes)]);
        Assert.That(found["answer"].shape, Is.EqualTo(new long[] { 1, 2, height, width }));
        Assert.That(found["accepted"].sum().item<long>(), Is.EqualTo(expected.Images[0].Maps));
        Assert.That(Exports.Floats(found["canonical"]), Is.EqualTo(Exports.Floats(expected.Fields.Canonical)).Within(1e-4));
        Assert.That(Exports.Floats(found["answer"]), Is.EqualTo(expected.Images[0].Output.Planes!.Data.ToArray()).Within(1e-3));
    }

    [TestCase(1, 5, 1, "a_photo_has_at_least_2_rows")]
    [TestCase(5, 1, 1, "a_photo_has_at_least_2_columns")]
    [TestCase(0, 0, 1, "a_photo_has_at_least_2_")]
    [TestCase(5, 5, 2, "a_photo_has_1_or_3_or_4_channels")]
    [TestCase(5, 5, 5, "a_photo_has_1_or_3_or_4_channels")]
    public void WhatIsNoPhoto_FailsInANodeThatSaysWhy(int height, int width, int channels, string why)
    {
        using var scope = torch.NewDisposeScope();
        var bytes = torch.zeros(height, width, channels, dtype: torch.ScalarType.Byte);
        var error = Assert.Throws<GraphException>(() => Exports.Run(Shapes.Value, bytes));
        Assert.That(error.Message, Does.Contain(why));
    }

    [Test]
    public void Bundles_OfOtherThanGreyAndColour_TakeNoPhotos()
    {
        var error = Assert.Throws<ExportException>(() => ModelExporter.Export(
            Bundle.Load(TinyBundle.Original), new ExportOptions { Input = ExportInput.Photo }));
        Assert.That(error.Message, Is.EqualTo(
            "Bundle 'tiny' takes images of 2 channels, and a photo becomes grey or RGB; export it for tensors."));
    }

    /// <summary>A drawn shape, in colours, deformed by nothing but its size.</summary>
    private static torch.Tensor Photo(int height, int width, int channels)
    {
        var bytes = new byte[height * width * channels];
        for (var i = 0; i < bytes.Length; i++)
        {
            var (row, column, channel) = (i / channels / width, i / channels % width, i % channels);
            var (y, x) = ((row / (double)height) - 0.5, (column / (double)width) - 0.45);
            var isInside = (x * x) + (1.4 * y * y) < 0.08;
            bytes[i] = channel == 3 ? (byte)(255 - (row % 40)) : (byte)(isInside ? 200 - (channel * 20) : 30 + ((column + channel) % 17));
        }

        return torch.tensor(bytes, [height, width, channels], dtype: torch.ScalarType.Byte);
    }

    private static ImageBuffer Pixels(torch.Tensor bytes)
    {
        var planes = (bytes.to_type(torch.ScalarType.Float32) / 255f).permute(2, 0, 1).unsqueeze(0);
        if (planes.size(1) == 4) planes = planes.narrow(1, 0, 3) * planes.narrow(1, 3, 1);
        return ImageTensor.FromTensor(planes.contiguous())[0];
    }
}
