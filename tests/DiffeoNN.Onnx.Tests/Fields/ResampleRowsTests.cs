using DiffeoNN.Onnx.Fields;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Fields;

/// <summary>Rows by themselves are those of the whole.</summary>
public sealed class ResampleRowsTests
{
    [TestCase(64, 64, 300, 211)]
    [TestCase(48, 80, 101, 37)]
    [TestCase(80, 48, 80, 48)]
    [TestCase(33, 33, 33, 70)]
    [TestCase(33, 33, 2, 3)]
    [TestCase(64, 96, 1500, 20)]
    public void RowsTo_AreThoseOfTo(int height, int width, int targetHeight, int targetWidth)
    {
        using var scope = torch.NewDisposeScope();
        torch.random.manual_seed(height + targetWidth);
        var image = torch.rand(1, 3, height, width);
        var displacement = torch.randn(1, 2, height, width).mul(torch.tensor(0.1f));
        foreach (var u in new[] { displacement, null })
        {
            var whole = Resample.To(image, u, targetHeight, targetWidth);
            foreach (var count in new[] { 1, 7, targetHeight })
            {
                for (var first = 0; first < targetHeight; first += count * 5)
                {
                    var rows = Math.Min(count, targetHeight - first);
                    var part = Resample.RowsTo(image, u, targetHeight, targetWidth, first, rows);
                    float[] found = [.. part.contiguous().data<float>()],
                        expected = [.. whole.narrow(2, first, rows).contiguous().data<float>()];
                    // The same bits where libtorch fuses products and sums as it does on common processors; elsewhere as near as rounding
                    // allows.
                    Assert.That(found, Is.EqualTo(expected).Within(1e-5), $"rows {first} to {first + rows - 1}");
                    var plane = Resample.RowsTo(image.narrow(1, 1, 1), u, targetHeight, targetWidth, first, rows);
                    Assert.That(plane.contiguous().data<float>().ToArray(),
                        Is.EqualTo(part.narrow(1, 1, 1).contiguous().data<float>().ToArray()), "one plane");
                }
            }
        }
    }

    [Test]
    public void RowsTo_OutsideTheResult_IsRefused()
    {
        using var scope = torch.NewDisposeScope();
        var image = torch.rand(1, 1, 4, 4);
        Assert.That(() => Resample.RowsTo(image, null, 8, 8, 6, 3), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => Resample.RowsTo(image, null, 8, 8, -1, 3), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => Resample.RowsTo(image, torch.zeros(2, 2, 4, 4), 8, 8, 0, 3),
            Throws.ArgumentException.With.Message.Contains("one displacement for each image"));
    }

    /// <summary>A displacement is in the unit of its own grid, whatever the image's size and shape.</summary>
    [TestCase(15, 19, 31, 61)]
    [TestCase(40, 40, 31, 61)]
    [TestCase(40, 40, 12, 20)]
    public void To_ThroughADisplacementOfAnotherSize_FollowsItInFractionsOfTheImage(int rows, int columns, int height, int width)
    {
        using var scope = torch.NewDisposeScope();
        var across = torch.linspace(0, 1, columns).view(1, 1, 1, -1).expand(1, 1, rows, columns);
        var down = torch.linspace(0, 1, rows).view(1, 1, -1, 1).expand(1, 1, rows, columns);
        var image = torch.cat([across, down], 1).contiguous();
        // 12 x 20: a quarter of the width is half a unit, a quarter of the height 11/19 of that.
        var u = torch.cat([torch.full([1, 1, 12, 20], 0.5f), torch.full([1, 1, 12, 20], 0.5f * 11 / 19)], 1);
        var moved = Resample.To(image, u, height, width);
        for (var row = 0; row < height; row++)
        {
            for (var column = 0; column < width; column++)
            {
                Assert.That(moved[0, 0, row, column].item<float>(), Is.EqualTo(Math.Min(1, (column / (width - 1.0)) + 0.25)).Within(1e-5));
                Assert.That(moved[0, 1, row, column].item<float>(), Is.EqualTo(Math.Min(1, (row / (height - 1.0)) + 0.25)).Within(1e-5));
            }
        }

        var part = Resample.RowsTo(image, u, height, width, 3, 5);
        Assert.That(part.data<float>().ToArray(), Is.EqualTo(moved.narrow(2, 3, 5).contiguous().data<float>().ToArray()), "the same bits");
    }
}
