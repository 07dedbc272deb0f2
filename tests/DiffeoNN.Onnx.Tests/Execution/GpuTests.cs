using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Diagnostics;
using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Metrics;
using DiffeoNN.Onnx.Native;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Shapes;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Execution;

/// <summary>The library on a GPU against itself on the CPU; run wherever there is one, and saying what is missing where there is
/// none.</summary>
[Category("Gpu")]
public sealed class GpuTests
{
    private static readonly ExecutionOptions Cpu = new() { Device = ExecutionDevice.Cpu };
    private static readonly ExecutionOptions Cuda = new() { Device = ExecutionDevice.Cuda };

    [OneTimeSetUp]
    public void RequireGpu()
    {
        if (CudaProbe.Current.Missing(0) is { Count: > 0 } missing)
            Assert.Ignore($"No GPU for ONNX Runtime: {string.Join("; ", missing)}.");
    }

    [Test]
    public void Auto_TakesTheGpu()
    {
        var engine = new OnnxRuntimeEngine();
        Assert.That(engine.Device.Device, Is.EqualTo(ExecutionDevice.Cuda), engine.Device.Reason);
        Assert.That(engine.Device.Reason, Does.StartWith("CUDA device 0"));
    }

    [Test]
    public void Doctor_FindsNoProblem_WhateverLibtorchWasBuiltFor()
    {
        var findings = MachineDiagnosis.Run(Cuda).Concat(SelfTest.Run(Cuda, TimeSpan.FromMilliseconds(100)));
        Assert.That(findings.Where(finding => finding.Level == FindingLevel.Problem), Is.Empty);
    }

    [TestCase("shapes")]
    [TestCase("lungs")]
    [TestCase("genus")]
    public void EnergyAndGradient_AreThoseOfTheCpu(string name)
    {
        using var scope = torch.NewDisposeScope();
        var bundle = Bundle.Load(Repository.Bundle(name));
        using var onCpu = OnnxEnergy.FromBundle(bundle, new OnnxRuntimeEngine(Cpu));
        using var onGpu = OnnxEnergy.FromBundle(bundle, new OnnxRuntimeEngine(Cuda));
        using var generator = new torch.Generator(7);
        var images = torch.rand([3, bundle.Image.Channels, bundle.Image.Height, bundle.Image.Width], generator: generator);
        using var expected = onCpu.Evaluate(images);
        using var found = onGpu.Evaluate(images);
        var (g, h) = (expected.Gradient!.flatten(), found.Gradient!.cpu().flatten());
        Assert.Multiple(() =>
        {
            Assert.That((found.Energy.cpu() - expected.Energy).abs().max().item<float>(),
                Is.LessThan(1e-4 * expected.Energy.abs().max().item<float>()));
            Assert.That((found.Terms.cpu() - expected.Terms).abs().max().item<float>(),
                Is.LessThan(1e-4 * expected.Terms.abs().max().item<float>()));
            Assert.That((g * h).sum().item<float>() / (g.norm() * h.norm()).item<float>(), Is.GreaterThan(0.9999));
        });
    }

    [TestCase(FieldEngine.Torch)]
    [TestCase(FieldEngine.Onnx)]
    public void Model_AnswersAsOnTheCpu(FieldEngine fields)
    {
        var images = Enumerable.Range(0, 5).Select(i => ShapesGenerator.Generate(31, i).Image).ToArray();
        using var onCpu = EquivariantModel.Load(Repository.Bundle("shapes"),
            new EquivariantOptions { Execution = Cpu, Fields = FieldEngine.Torch });
        using var onGpu = EquivariantModel.Load(Repository.Bundle("shapes"), new EquivariantOptions { Execution = Cuda, Fields = fields });
        using var expected = onCpu.Run(images);
        using var found = onGpu.Run(images);
        Assert.That(
            images.Index().Average(pair =>
                SegmentationScore.Of(found.Images[pair.Index].Output.Labels!, expected.Images[pair.Index].Output.Labels!).Iou),
            Is.GreaterThan(0.999));
    }

    [TestCase(FieldEngine.Torch)]
    [TestCase(FieldEngine.Onnx)]
    public void Search_FindsTheMapsOfTheCpu(FieldEngine fields)
    {
        ImageBuffer[] images = [ShapesGenerator.Generate(32, 0).Image, ShapesGenerator.Generate(32, 1).Image,
            ShapesGenerator.Generate(32, 2).Image];
        var options = new EquivariantOptions { Start = StartPoint.Identity, Steps = 10, Accept = AcceptanceRule.Always };
        using var onCpu = EquivariantModel.Load(Repository.Bundle("shapes"), options with { Execution = Cpu, Fields = FieldEngine.Torch });
        using var onGpu = EquivariantModel.Load(Repository.Bundle("shapes"), options with { Execution = Cuda, Fields = fields });
        using var expected = onCpu.Run(images);
        using var found = onGpu.Run(images);
        using var scope = torch.NewDisposeScope();
        // 1e-4 of the longest side, whose half is the unit.
        Assert.That((found.Fields.Displacement.cpu() - expected.Fields.Displacement).abs().max().item<float>(), Is.LessThan(2e-4));
        Assert.That(expected.Fields.Displacement.abs().max().item<float>(), Is.GreaterThan(0.01),
            "a search that moves nothing shows nothing");
    }
}
