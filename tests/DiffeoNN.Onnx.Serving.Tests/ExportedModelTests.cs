using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Export;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Serving.Options;
using DiffeoNN.Onnx.Serving.Protocol;
using DiffeoNN.Onnx.Serving.Repository;
using DiffeoNN.Onnx.Serving.Server;

namespace DiffeoNN.Onnx.Serving.Tests;

/// <summary>A repository written for Triton, behind this server.</summary>
public sealed class ExportedModelTests
{
    [Test]
    public async Task Repository_OfAnExport_AnswersAsTheBundle()
    {
        using var folder = new TemporaryFolder();
        var bundle = Bundle.Load(Checkout.Bundle("genus"));
        TritonRepository.Write(folder["models"], bundle.Name, ModelExporter.Export(bundle).Model);
        var execution = new ExecutionOptions { Device = ExecutionDevice.Cpu, Threads = 1 };
        await using var server = new InferenceServer(new ServerOptions
        {
            Models = folder["models"], Address = "127.0.0.1", Http = 0, Grpc = -1, Metrics = -1,
            Serving = new ServingOptions { Execution = execution }, Drain = TimeSpan.Zero,
        });
        await server.StartAsync();
        await server.Repository.LoadAsync("genus");
        var index = server.Repository.Index().Single();
        Assert.That((index.Name, index.Version, index.State), Is.EqualTo(("genus", "1", ModelState.Ready)));
        ImageBuffer[] images = [.. Enumerable.Range(0, 4).Select(i => BundleModelTests.Image(i, 56))];
        float[] pixels = [.. images.SelectMany(image => image.Data.ToArray())];

        var answer = await server.Repository.InferAsync(new InferenceRequest
        {
            Model = "genus", Inputs = [InferenceTensor.Of<float>("image", [4, 1, 56, 56], pixels)],
        });

        using var model = EquivariantModel.Load(bundle.Folder, new EquivariantOptions { Execution = execution });
        using var expected = model.Run(images);
        var outputs = answer.Outputs.ToDictionary(output => output.Name);
        Assert.That(outputs["answer"].Shape, Is.EqualTo(new long[] { 4, 3 }));
        Assert.That(answer.Images, Is.EqualTo(4));
        Assert.That(outputs["answer"].As<float>().ToArray(),
            Is.EqualTo(expected.Images.SelectMany(image => image.Output.Scores!)).Within(1e-4));
        var accepted = outputs["accepted"].As<bool>().ToArray();
        Assert.That(Enumerable.Range(0, 4).Select(i => accepted.Skip(3 * i).Take(3).Count(map => map)),
            Is.EqualTo(expected.Images.Select(image => image.Maps)));
    }

    [Test]
    public async Task APhoto_IsOneImage_AndWhatIsNoneIsToldByTheNodesName()
    {
        using var folder = new TemporaryFolder();
        var options = new ExportOptions { Input = ExportInput.Photo };
        ModelExporter.Export(Bundle.Load(Checkout.Bundle("genus")), options).Model.Save(folder["photo.onnx"]);
        await using var model = PlainModel.Load(folder["photo.onnx"], new ServingOptions
        {
            Execution = new ExecutionOptions { Device = ExecutionDevice.Cpu, Threads = 1 },
        });
        InferenceRequest Photo(params long[] shape) =>
            new() { Inputs = [InferenceTensor.Of<byte>("photo", shape, new byte[shape.Aggregate((all, size) => all * size)])] };
        Assert.That((await model.InferAsync(Photo(70, 60, 3))).Images, Is.EqualTo(1));
        Assert.That(async () => await model.InferAsync(Photo(70, 60, 2)), Throws.TypeOf<ProtocolException>()
            .With.Message.Contains("node 'photo/a_photo_has_1_or_3_or_4_channels'"));
    }
}
