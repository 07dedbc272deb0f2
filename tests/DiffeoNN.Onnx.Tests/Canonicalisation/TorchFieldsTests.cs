using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tests.Fields;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Canonicalisation;

public sealed class TorchFieldsTests
{
    [Test]
    public void Warp_IsThatOfTheVelocityAtAllPixels([Values] WarpPadding padding, [Values(0, 6)] int squarings)
    {
        using var scope = torch.NewDisposeScope();
        var images = FieldFixtures.Image(2, 2, 20, 33, seed: 1);
        var lattice = FieldFixtures.Field(2, 5, 8, 0.6, seed: 2);
        var options = new SearchSpec { Padding = padding, Squarings = squarings };
        var v = LatticeUpsampling.Resample(lattice, new SamplingGrid(20, 33));
        var expected = Warp.Apply(images, ScalingAndSquaring.Exp(v, ScalingAndSquaring.Squarings(v, squarings)), padding);
        var found = new TorchFields(new TemplateEnergy(images)).Warp(options, images, lattice, default);
        Assert.That((found - expected).abs().max().item<float>(), Is.Zero);
        Assert.That((found - images).abs().max().item<float>(), Is.GreaterThan(0.05), "the velocity moves the image");
    }
}
