using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tests.Bundles;
using DiffeoNN.Onnx.Tests.Canonicalisation;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Inference;

public sealed class ProposalPassesTests
{
    [Test]
    public void EachPass_ProposesForTheImageThatTheOnesBeforeLeadTo([Values] WarpPadding padding)
    {
        using var scope = torch.NewDisposeScope();
        var bundle = Bundle.Load(TinyBundle.Original);
        var engine = new OnnxRuntimeEngine(new ExecutionOptions { Device = ExecutionDevice.Cpu, Threads = 1 });
        using var network = Network.OnImages(bundle, BundleRole.Proposer, engine);
        using var proposer = engine.Load(bundle.PathOf(BundleRole.Proposer));
        var images = torch.rand([2, 2, 12, 16], generator: new torch.Generator(3)) * 0.5 + 0.5;
        var settings = new SearchSpec { Padding = padding, Squarings = 5 };
        var fields = new TorchFields(new TemplateEnergy(images));
        var passes = new ProposalPasses(bundle, network, fields, 3).Run(images, settings, default);
        var expected = new List<torch.Tensor> { Proposed(proposer, images) };
        for (var pass = 1; pass < 3; pass++)
        {
            var v = expected[^1];
            var left = Proposed(proposer, fields.Warp(settings, images, v, default));
            expected.Add(VelocityComposition.Compose(v, left, new SamplingGrid(12, 16)));
        }

        Assert.That(passes, Has.Count.EqualTo(3));
        for (var pass = 0; pass < 3; pass++)
            Assert.That((passes[pass] - expected[pass]).abs().max().item<float>(), Is.LessThan(1e-6), $"pass {pass}");
        Assert.That((passes[1] - passes[0]).abs().max().item<float>(), Is.GreaterThan(1e-3), "a pass adds something");
    }

    // The tiny bundle's mean is (0.25, 0.5), its standard deviation (0.5, 0.25).
    private static torch.Tensor Proposed(IGraph proposer, torch.Tensor images)
    {
        var mean = torch.tensor(new[] { 0.25f, 0.5f }).view(1, 2, 1, 1);
        var deviation = torch.tensor(new[] { 0.5f, 0.25f }).view(1, 2, 1, 1);
        var input = ((images - mean) / deviation).contiguous();
        return proposer.Run(new Dictionary<string, torch.Tensor> { [proposer.Inputs[0].Name] = input }).Single().Value;
    }
}
