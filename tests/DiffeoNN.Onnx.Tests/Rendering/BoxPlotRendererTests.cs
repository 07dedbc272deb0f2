using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Rendering;
using DiffeoNN.Onnx.Tests.Imaging;

namespace DiffeoNN.Onnx.Tests.Rendering;

/// <summary>Box plots without installed fonts.</summary>
public sealed class BoxPlotRendererTests
{
    [Test]
    public void Render_GivesTheSamePictureForTheSameValues()
    {
        BoxPlotSeries[] series = [new("naive", [0.2, 0.5, 0.6, 0.7]), new("diffeonn", [0.8, 0.85, 0.9, 0.91])];
        var first = BoxPlotRenderer.Render("title", "IoU", series);
        Assert.That(first.Data.ToArray(), Is.EqualTo(BoxPlotRenderer.Render("title", "IoU", series).Data.ToArray()));
        Assert.That(first.Data.ToArray(), Is.Not.EqualTo(BoxPlotRenderer.Render("other", "IoU", series).Data.ToArray()), "text is drawn");
    }

    [TestCase(1.0)]
    [TestCase(0.0)]
    [TestCase(0.5, 0.5)]
    [TestCase(0.0, 1.0)]
    [TestCase(0.123456, 0.123457)]
    public void Render_OfFewValues_StaysInsideThePlot(params double[] values)
    {
        var plot = BoxPlotRenderer.Render("", "", [new("one", values)]);
        for (int column = 0; column < plot.Width; column++)
            for (int row = 0; row < 20; row++)
                Assert.That(plot[0, row, column], Is.EqualTo(1), $"row {row}, column {column}");
    }

    [Test]
    public void Render_OfNothing_IsRefused()
    {
        Assert.That(() => BoxPlotRenderer.Render("", "", []), Throws.ArgumentException);
        Assert.That(() => BoxPlotRenderer.Render("", "", [new("nan", [double.NaN])]), Throws.ArgumentException);
    }
}
