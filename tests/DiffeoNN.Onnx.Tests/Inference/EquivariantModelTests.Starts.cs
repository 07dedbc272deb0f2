using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tests.Bundles;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Inference;

/// <summary>Where searches start, and under what settings.</summary>
public sealed partial class EquivariantModelTests
{
    [TestCase(true, 6)]
    [TestCase(false, 3)]
    public void Run_FromSeveralStarts_TriesThoseOfTheIdentityAndOfTheProposal(bool withProposer, int count)
    {
        using var tiny = new TinyBundle();
        if (!withProposer) tiny.Manifest(root => root["models"]!.AsObject().Remove("proposer"));
        // All are refined and used: which one wins shows that it was tried, and as what.
        var several = new MultiStartOptions { Rotations = [0, 20, -20], Scales = [1], Refined = count };
        var options = Options with { Start = StartPoint.Multi, Steps = 2, Accept = AcceptanceRule.Always, MultiStart = several };
        using var model = EquivariantModel.Load(tiny.Path, options);
        var images = Images(8, 12, 16);
        using var first = model.Run(images);
        using var second = model.Run(images);

        using var scope = torch.NewDisposeScope();
        var engine = new OnnxRuntimeEngine(Options.Execution);
        using var energy = OnnxEnergy.FromBundle(model.Bundle, engine);
        var (batch, grid) = (ImageTensor.ToTensor(images), new SamplingGrid(12, 16));
        var starts = MultiStarts.Of(several, grid, null).Select(velocity => new SearchStart(velocity, model.Plan.FromIdentity)).ToList();
        if (withProposer)
        {
            using var proposer = Network.OnImages(model.Bundle, Onnx.Bundles.BundleRole.Proposer, engine);
            var passes = new ProposalPasses(model.Bundle, proposer, new TorchFields(energy), 1);
            var proposal = passes.Run(batch, model.Plan.FromProposal, default)[0];
            starts.AddRange(MultiStarts.Of(several, grid, proposal).Select(velocity => new SearchStart(velocity, model.Plan.FromProposal)));
        }

        Assert.That(starts, Has.Count.EqualTo(count));
        using var expected = new Canonicaliser(energy, model.Plan.FromIdentity).Run(batch, [.. starts], count, null, default);
        var won = first.Images.Select(image => image.Canonicalisation.Start).ToArray();
        Assert.That(won, Is.EqualTo(expected.Images.Select(image => image.Start)));
        if (withProposer) Assert.That(won, Has.Some.GreaterThanOrEqualTo(3), "one of the proposal's");
        else Assert.That(won.Distinct().Count(), Is.GreaterThan(1), "not always the same one");
        Assert.That((first.Fields.Velocity - expected.Velocity).abs().max().item<float>(), Is.LessThan(1e-5));
        Assert.That((first.Fields.Velocity - second.Fields.Velocity).abs().max().item<float>(), Is.Zero, "deterministic");
    }

    [TestCase("zeros", WarpPadding.Zeros)]
    [TestCase("border", WarpPadding.Border)]
    public void Padding_IsTheManifests(string padding, WarpPadding expected)
    {
        using var tiny = new TinyBundle();
        tiny.Manifest(root => root["image"]!["padding"] = padding);
        using var model = EquivariantModel.Load(tiny.Path, Options with { Steps = 0, Accept = AcceptanceRule.Always });
        Assert.That((model.Plan.FromIdentity.Padding, model.Plan.FromProposal.Padding), Is.EqualTo((expected, expected)));
        var images = Images(2, 12, 16);
        using var result = model.Run(images);
        using var scope = torch.NewDisposeScope();
        var warped = Warp.Apply(ImageTensor.ToTensor(images), result.Fields.Displacement, expected);
        Assert.That((result.Fields.Canonical - warped).abs().max().item<float>(), Is.LessThan(1e-6));
    }
}
