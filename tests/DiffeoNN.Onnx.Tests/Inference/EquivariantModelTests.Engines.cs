using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tests.Bundles;
using DiffeoNN.Onnx.Tests.Support;
using DiffeoNN.Onnx.Torch;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Inference;

/// <summary>The same bundle in both engines.</summary>
public sealed partial class EquivariantModelTests
{
    private static readonly ExecutionOptions Torch = new() { Device = ExecutionDevice.Cpu, Engine = EngineKind.Torch };

    [TestCase(StartPoint.Identity)]
    [TestCase(StartPoint.Proposer)]
    public void Torch_FindsWhatOnnxRuntimeFinds(StartPoint start)
    {
        var options = Options with { Start = start, Steps = 8, Accept = AcceptanceRule.Always };
        var images = Images(3, 12, 16);
        using var runtime = EquivariantModel.Load(TinyBundle.Original, options);
        using var torch = EquivariantModel.Load(TinyBundle.Original, options with { Execution = Torch });
        using var expected = runtime.Run(images);
        using var found = torch.Run(images);
        Assert.That((runtime.Engine, torch.Engine), Is.EqualTo((EngineKind.OnnxRuntime, EngineKind.Torch)));
        Assert.That((found.Fields.Displacement - expected.Fields.Displacement).abs().max().item<float>(), Is.LessThan(1e-3));
        for (var i = 0; i < images.Length; i++)
        {
            Assert.That(found.Images[i].Output.Planes!.Data.ToArray(),
                Is.EqualTo(expected.Images[i].Output.Planes!.Data.ToArray()).Within(1e-3), $"image {i}");
            Assert.That(found.Images[i].Canonicalisation.InputEnergy,
                Is.EqualTo(expected.Images[i].Canonicalisation.InputEnergy).Within(1e-4));
        }
    }

    [Test]
    public void Torch_LeavesNoTensors()
    {
        using var model = EquivariantModel.Load(TinyBundle.Original, Options with { Execution = Torch, Steps = 3 });
        model.Run(Images(2, 12, 16)).Dispose();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var before = LiveTensors.Settled();
        for (var i = 0; i < 5; i++) model.Run(Images(2, 12, 16)).Dispose();
        Assert.That(torch.Tensor.TotalCount, Is.EqualTo(before));
    }

    [TestCase("shapes")]
    [TestCase("lungs")]
    [TestCase("genus")]
    public void Torch_HasTheEnergyAndGradientOfTheCompiledGraph(string name)
    {
        using var scope = torch.NewDisposeScope();
        var bundle = Bundle.Load(Repository.Bundle(name));
        using var compiled = OnnxEnergy.FromBundle(bundle, new OnnxRuntimeEngine(Options.Execution));
        using var own = OnnxEnergy.FromBundle(bundle, new TorchEngine(Torch));
        using var generator = new torch.Generator(4);
        var images = torch.rand([2, bundle.Image.Channels, bundle.Image.Height, bundle.Image.Width], generator: generator);
        using var expected = compiled.Evaluate(images);
        using var found = own.Evaluate(images);
        using var values = own.Evaluate(images, withGradient: false);
        Assert.That(Error(found.Energy, expected.Energy), Is.LessThan(1e-4));
        Assert.That(Error(found.Terms, expected.Terms), Is.LessThan(1e-4));
        Assert.That(Error(values.Energy, found.Energy), Is.LessThan(1e-6));
        Assert.That(values.Gradient, Is.Null);
        var cosine = torch.nn.functional.cosine_similarity(found.Gradient!.flatten(1), expected.Gradient!.flatten(1), 1);
        Assert.That(cosine.min().item<float>(), Is.GreaterThan(0.99999f));
        Assert.That(Error(found.Gradient!, expected.Gradient!), Is.LessThan(1e-3));

        static double Error(torch.Tensor found, torch.Tensor expected) =>
            ((found - expected).abs().max() / expected.abs().max()).item<float>();
    }
}
