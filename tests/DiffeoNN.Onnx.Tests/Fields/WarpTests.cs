using DiffeoNN.Onnx.Fields;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Fields;

public sealed class WarpTests
{
    [Test, Combinatorial]
    public void Warp_AgreesWithTheDoublePrecisionReference(
        [Values] WarpPadding padding,
        [Values] WarpInterpolation interpolation,
        [ValueSource(typeof(FieldFixtures), nameof(FieldFixtures.Sizes))] int[] size)
    {
        using var scope = torch.NewDisposeScope();
        var image = FieldFixtures.Image(2, 3, size[0], size[1], seed: 1);
        // Up to 10 pixels: far enough that paddings matter.
        var u = FieldFixtures.Field(2, size[0], size[1], 10, seed: 2);
        if (interpolation == WarpInterpolation.Nearest)
            u = AwayFromHalves(u, size);
        var warped = Warp.Apply(image, u, padding, interpolation);
        for (var i = 0; i < 2; i++)
        {
            var expected = ReferenceFields.Warp(FieldFixtures.Planes(image, i), FieldFixtures.Planes(u, i), padding, interpolation);
            Assert.That(FieldFixtures.RelativeError(FieldFixtures.Planes(warped, i), expected), Is.LessThan(1e-5),
                $"image {i}, {size[0]}x{size[1]}");
        }
    }

    [Test]
    public void Warp_ByWholePixels_ShiftsImage([ValueSource(typeof(FieldFixtures), nameof(FieldFixtures.Sizes))] int[] size)
    {
        using var scope = torch.NewDisposeScope();
        var image = FieldFixtures.Image(1, 1, size[0], size[1], seed: 3);
        var grid = new SamplingGrid(size[0], size[1]);
        // One column to the right, two rows up in what is read.
        var u = grid.FromPixels(torch.tensor(new[] { 1f, -2f }).view(1, 2, 1, 1)).expand(1, 2, size[0], size[1]).contiguous();
        var warped = Warp.Apply(image, u);
        var expected = image.slice(2, 0, size[0] - 2, 1).slice(3, 1, size[1], 1);
        var actual = warped.slice(2, 2, size[0], 1).slice(3, 0, size[1] - 1, 1);
        Assert.Multiple(() =>
        {
            Assert.That((actual - expected).abs().max().item<float>(), Is.LessThan(1e-5f));
            Assert.That(warped.slice(2, 0, 2, 1).abs().max().item<float>(), Is.LessThan(1e-5f), "rows from outside are zero");
        });
    }

    [Test]
    public void Warp_OfFlippedImageByFlippedField_IsFlipped([ValueSource(typeof(FieldFixtures), nameof(FieldFixtures.Sizes))] int[] size)
    {
        using var scope = torch.NewDisposeScope();
        var image = FieldFixtures.Image(1, 2, size[0], size[1], seed: 4);
        var u = FieldFixtures.Field(1, size[0], size[1], 5, seed: 5);
        var flipped = u.flip(3) * torch.tensor(new[] { -1f, 1f }).view(1, 2, 1, 1);
        var difference = Warp.Apply(image.flip(3), flipped) - Warp.Apply(image, u).flip(3);
        Assert.That(difference.abs().max().item<float>(), Is.LessThan(1e-5f));
    }

    [Test]
    public void Warp_GradientByDisplacement_AgreesWithFiniteDifferences()
    {
        using var scope = torch.NewDisposeScope();
        var image = FieldFixtures.Image(1, 2, 7, 9, seed: 6).to_type(torch.ScalarType.Float64);
        var u = FieldFixtures.Field(1, 7, 9, 1.3, seed: 7).to_type(torch.ScalarType.Float64);
        Gradients.AssertAgree(u, field => Warp.Apply(image, field), seed: 8);
    }

    [Test]
    public void Warp_RefusesAnotherSize()
    {
        using var scope = torch.NewDisposeScope();
        var image = torch.zeros(1, 1, 8, 8);
        var u = torch.zeros(1, 2, 8, 9);
        Assert.That(() => Warp.Apply(image, u),
            Throws.ArgumentException.With.Message.Contains("(1, 1, 8, 8)").And.Message.Contains("(1, 2, 8, 9)"));
        Assert.That(() => Warp.Apply(image, image), Throws.ArgumentException.With.Message.Contains("needs (N, 2, height, width)"));
    }

    // Rounding decides the nearest pixel; positions near .5 would test the rounding of floats.
    private static torch.Tensor AwayFromHalves(torch.Tensor u, int[] size)
    {
        var grid = new SamplingGrid(size[0], size[1]);
        var pixels = grid.ToPixels(u);
        var fraction = pixels - pixels.floor();
        return grid.FromPixels(torch.where((fraction - 0.5).abs() < 0.01, pixels + 0.05, pixels));
    }
}
