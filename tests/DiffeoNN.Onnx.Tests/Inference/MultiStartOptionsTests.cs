using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tests.Fields;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Inference;

public sealed class MultiStartOptionsTests
{
    private static readonly SamplingGrid Grid = new(24, 36);

    [Test]
    public void Defaults_AreThoseDocumented()
    {
        var options = new MultiStartOptions();
        Assert.That(options.Rotations, Is.EqualTo(new[] { 0.0, -15, 15, -30, 30 }));
        Assert.That(options.Scales, Is.EqualTo(new[] { 1, 1.15, 0.87 }));
        Assert.That(options.Refined, Is.EqualTo(2));
    }

    [Test]
    public void Starts_AreAllRotationsOfEachScale([Values] bool fromProposal)
    {
        using var scope = torch.NewDisposeScope();
        var proposal = fromProposal ? FieldFixtures.Field(3, 5, 7, 2, seed: 1) : null;
        var options = new MultiStartOptions { Rotations = [10, -20], Scales = [1, 1.5, 0.5] };
        var starts = MultiStarts.Of(options, Grid, proposal);
        (double Rotation, double Scale)[] expected = [(10, 1), (-20, 1), (10, 1.5), (-20, 1.5), (10, 0.5), (-20, 0.5)];
        Assert.That(starts, Has.Count.EqualTo(6));
        for (var i = 0; i < 6; i++)
        {
            var rigid = RigidStarts.Velocity(Grid, expected[i].Rotation, expected[i].Scale, fromProposal ? 5 : 2, fromProposal ? 7 : 2);
            Assert.That((starts[i] - (proposal is null ? rigid : proposal + rigid)).abs().max().item<float>(), Is.Zero, $"start {i}");
        }
    }

    [Test]
    public void Starts_WithoutARotationOrAScale_AreRefused()
    {
        foreach (var options in new[] { new MultiStartOptions { Rotations = [] }, new MultiStartOptions { Scales = [] } })
        {
            Assert.That(() => new SearchSpec { MultiStart = options }.Validate(), Throws.TypeOf<ArgumentOutOfRangeException>()
                .With.Message.Contains("expected rotations and scales, one of each at least"));
        }
    }
}
