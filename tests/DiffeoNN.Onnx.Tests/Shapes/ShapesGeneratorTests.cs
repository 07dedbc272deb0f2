using System.Security.Cryptography;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Shapes;

namespace DiffeoNN.Onnx.Tests.Shapes;

/// <summary>The synthetic task.</summary>
public sealed class ShapesGeneratorTests
{
    [Test]
    public void Generate_GivesTheSameBytesEverywhere()
    {
        var (image, mask) = ShapesGenerator.Generate(1, 0);
        Assert.That(Hash(image), Is.EqualTo("70dd61f35986f52a0effd566833329e7cd2262d454fff66f5619f7bb91ff1b24"));
        Assert.That(Hash(mask), Is.EqualTo("d525188a0c35a10a7279018bbb4d28c4e0c6ab10c41c70d6e44308514167406c"));
    }

    [Test]
    public void Generate_OfOtherIndexOrSeed_IsAnotherImage()
    {
        var first = Hash(ShapesGenerator.Generate(1, 0, 32).Image);
        Assert.That(Hash(ShapesGenerator.Generate(1, 1, 32).Image), Is.Not.EqualTo(first));
        Assert.That(Hash(ShapesGenerator.Generate(2, 0, 32).Image), Is.Not.EqualTo(first));
        Assert.That(Hash(ShapesGenerator.Generate(1, 0, 32).Image), Is.EqualTo(first));
    }

    [Test]
    public void Generate_PutsTheTargetTopRightAndBottomLeft()
    {
        for (var i = 0; i < 20; i++)
        {
            var (image, mask) = ShapesGenerator.Generate(4, i, 64);
            // Centres of the quadrants of the body, 17 pixels off the middle at most a few pixels away.
            Assert.That((mask[0, 23, 40], mask[0, 40, 23], mask[0, 23, 23], mask[0, 40, 40]), Is.EqualTo((1f, 1f, 0f, 0f)), $"image {i}");
            Assert.That(mask.Data.ToArray().Average(), Is.InRange(0.13, 0.23));
            Assert.That(image.Data.ToArray(), Has.All.InRange(0, 1));
        }
    }

    [Test]
    public void Generate_DrawsNoEdgeBetweenTargetAndRest()
    {
        // Across the dividing lines, away from parts and outline, neighbouring pixels differ by noise and texture only.
        for (var i = 0; i < 20; i++)
        {
            var (image, mask) = ShapesGenerator.Generate(4, i);
            for (var column = 40; column < 88; column++)
                if (mask[0, 63, column] != mask[0, 63, column + 1] || mask[0, 62, column] != mask[0, 63, column])
                    Assert.That(Math.Abs(image[0, 63, column] - image[0, 63, column + 1]), Is.LessThan(0.2), $"image {i}, column {column}");
        }
    }

    private static string Hash(ImageBuffer image)
    {
        var bytes = Array.ConvertAll(image.Data.ToArray(), value => (byte)Math.Round(value * 255));
        return Convert.ToHexStringLower(SHA256.HashData(bytes));
    }
}
