using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Metrics;
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
        var marks = Marks(BoxPlotRenderer.Render("", "", [new("grey", values), new("orange", values)]));
        Assert.That(marks, Is.Not.Empty);
        // The axis takes rows 62 to 390, the second of two columns 303 to 528; lines are 3 pixels wide.
        Assert.That(marks.Select(mark => mark.Row), Is.All.InRange(60, 392));
        Assert.That(marks.Select(mark => mark.Column), Is.All.InRange(303, 528));
    }

    [TestCase(0.89, true)]
    [TestCase(0.91, false)]
    public void Whiskers_ReachTheFurthestValueWithinOneAndAHalfBoxes(double high, bool isReached)
    {
        // A box from 0.4 to 0.6: whiskers end at 0.9 at the furthest. Values beyond are dots, 5 pixels wide; a whisker's end has 28.
        double[] values = [0.4, 0.4, 0.4, 0.4, 0.5, 0.5, 0.5, 0.6, 0.6, 0.6, high];
        var found = SummaryStatistics.Of(values);
        Assert.That((found.FirstQuartile, found.ThirdQuartile), Is.EqualTo((0.4, 0.6)));
        var marks = Marks(BoxPlotRenderer.Render("", "", [new("grey", values), new("orange", values)]));
        var top = marks.Min(mark => mark.Row);
        var width = marks.Where(mark => mark.Row <= top + 6).Max(mark => mark.Column)
            - marks.Where(mark => mark.Row <= top + 6).Min(mark => mark.Column) + 1;
        Assert.That(width, isReached ? Is.InRange(27, 31) : Is.InRange(4, 8));
    }

    [Test]
    public void Render_OfNothing_IsRefused()
    {
        Assert.That(() => BoxPlotRenderer.Render("", "", []), Throws.ArgumentException);
        Assert.That(() => BoxPlotRenderer.Render("", "", [new("nan", [double.NaN])]), Throws.ArgumentException);
    }

    [Test]
    public void Write_PutsWhatRenderGivesIntoAFile()
    {
        using var folder = new TemporaryFolder();
        BoxPlotSeries[] series = [new("grey", [0.1, 0.5]), new("orange", [0.3, 0.4])];
        BoxPlotRenderer.Write(folder["plot.png"], "title", "IoU", series);
        Assert.That(ImageFile.Read(folder["plot.png"]).Data.ToArray(),
            Is.EqualTo(BoxPlotRenderer.Render("title", "IoU", series).Data.ToArray()));
    }

    /// <summary>Pixels in the colour of the second series.</summary>
    private static (int Row, int Column)[] Marks(ImageBuffer plot) =>
    [
        .. Enumerable.Range(0, plot.Height).SelectMany(row => Enumerable.Range(0, plot.Width).Select(column => (row, column)))
            .Where(at => plot[0, at.row, at.column] - plot[2, at.row, at.column] > 0.15f),
    ];
}
