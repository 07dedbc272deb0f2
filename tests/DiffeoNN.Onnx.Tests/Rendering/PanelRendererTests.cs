using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Rendering;
using DiffeoNN.Onnx.Tests.Imaging;

namespace DiffeoNN.Onnx.Tests.Rendering;

/// <summary>Panels: layout, overlays and text.</summary>
public sealed class PanelRendererTests
{
    private const int Margin = 20;
    private const int TitleHeight = 20;

    private static readonly ImageBuffer Grey = Constant(64, 64, 0.5f);

    [Test]
    public void Render_PlacesTilesInRows()
    {
        var options = new PanelOptions { TileSize = 64 };
        var panel = PanelRenderer.Render([new([new("a", Grey), new("b", Constant(32, 64, 0.2f))])], options);
        Assert.That(panel.Channels, Is.EqualTo(3));
        Assert.That(panel.Width, Is.EqualTo((2 * Margin) + 64 + 14 + 64));
        Assert.That(panel[0, Margin + TitleHeight + 32, Margin + 32], Is.EqualTo(0.5).Within(0.01));
        Assert.That(panel[1, Margin + TitleHeight + 16, Margin + 64 + 14 + 32], Is.EqualTo(0.2).Within(0.01));
        Assert.That(panel[1, Margin + TitleHeight + 50, Margin + 64 + 14 + 32], Is.EqualTo(1), "below the wide tile");
    }

    [Test]
    public void Render_DrawsTextWithoutInstalledFonts()
    {
        var tile = new PanelTile("Input", Grey);
        var options = new PanelOptions { TileSize = 64 };
        var with = PanelRenderer.Render([new([tile], "energy 1.5")], options);
        var without = PanelRenderer.Render([new([tile with { Title = "" }], " ")], options);
        Assert.That(Ink(with, 0, Margin + TitleHeight), Is.GreaterThan(10), "title");
        Assert.That(Ink(with, Margin + TitleHeight + 64, with.Height), Is.GreaterThan(10), "footer");
        Assert.That(Ink(without, 0, Margin + TitleHeight) + Ink(without, Margin + TitleHeight + 64, without.Height), Is.Zero);
    }

    [Test]
    public void Render_TintsAndOutlinesLabels()
    {
        var labels = new byte[64 * 64];
        for (var i = 0; i < labels.Length; i++) labels[i] = i % 64 >= 32 ? (byte)1 : (byte)0;
        var tile = new PanelTile("", Grey) { Labels = new LabelMap(64, 64, labels) };
        var panel = PanelRenderer.Render([new([tile])], new PanelOptions { TileSize = 64 });
        var row = Margin + TitleHeight + 30;
        Assert.That(panel[0, row, Margin + 10], Is.EqualTo(0.5).Within(0.01), "background stays");
        Assert.That(panel[0, row, Margin + 50], Is.EqualTo(0.5 + (0.28 * 0.5)).Within(0.01), "tint towards red 1");
        Assert.That(panel[0, row, Margin + 32], Is.GreaterThan(0.9), "outline");
    }

    [Test]
    public void Render_WithClasses_ListsThoseShownWithTheirColours()
    {
        var labels = new byte[64 * 64];
        for (var i = 0; i < labels.Length; i++) labels[i] = (byte)(i % 64 < 20 ? 0 : i % 64 < 40 ? 2 : 9);
        PanelRow[] rows = [new([new("a", Grey) { Labels = new LabelMap(64, 64, labels) }])];
        var without = PanelRenderer.Render(rows, new PanelOptions { TileSize = 64 });
        var with = PanelRenderer.Render(
            rows, new PanelOptions { TileSize = 64, Classes = [.. Enumerable.Range(0, 10).Select(i => $"c{i}")] });
        Assert.That(without.Height, Is.LessThan(with.Height));
        // Two swatches, below each other where the line is full: the second class's colour, then the ninth's, which no other class has.
        var left = Margin + 8;
        (float, float, float)[] found = [.. Enumerable.Range(without.Height - Margin, with.Height - without.Height)
            .SelectMany(row =>
                new[] { left, left + 60 }.Where(x => x < with.Width).Select(x => (with[0, row, x], with[1, row, x], with[2, row, x])))];
        foreach (var label in new[] { 2, 9 })
        {
            var colour = LabelOverlay.Colour(label);
            Assert.That(found, Does.Contain((colour.Red / 255f, colour.Green / 255f, colour.Blue / 255f)), $"class {label}");
        }

        foreach (var label in new[] { 1, 3 })
        {
            var colour = LabelOverlay.Colour(label);
            Assert.That(found, Does.Not.Contain((colour.Red / 255f, colour.Green / 255f, colour.Blue / 255f)), $"class {label}");
        }
    }

    [Test]
    public void Colours_OfClasses_AreAllDifferent() =>
        Assert.That(Enumerable.Range(1, 60).Select(LabelOverlay.Colour).Distinct().Count(), Is.EqualTo(60));

    [Test]
    public void Render_OfReference_AddsLegend()
    {
        var labels = new LabelMap(64, 64, new byte[64 * 64]);
        var plain = PanelRenderer.Render([new([new("a", Grey)])], new PanelOptions { TileSize = 64 });
        var withTruth = PanelRenderer.Render([new([new("a", Grey) { Reference = labels }])], new PanelOptions { TileSize = 64 });
        Assert.That(withTruth.Height, Is.GreaterThan(plain.Height));
    }

    [Test]
    public void Render_OfIdentity_DrawsRegularGrid()
    {
        var tile = new PanelTile("", Constant(65, 65, 0)) { Grid = new NoDeformation().Draw(new SamplingGrid(65, 65), 0) };
        var panel = PanelRenderer.Render([new([tile])], new PanelOptions { TileSize = 65, GridLines = 5 });
        var row = Margin + TitleHeight + 8;
        int[] bright = [.. Enumerable.Range(2, 61).Where(column => panel[1, row, Margin + column] > 0.5)];
        Assert.That(bright, Is.EqualTo(new[] { 16, 32, 48 }));
    }

    [Test]
    public void Render_OfShift_MovesGridWithIt()
    {
        var grid = new SamplingGrid(65, 65);
        var u = new double[2 * 65 * 65];
        Array.Fill(u, 5 * grid.PixelSize, 0, 65 * 65);
        var tile = new PanelTile("", Constant(65, 65, 0)) { Grid = new DeformationMap(grid, u) };
        var panel = PanelRenderer.Render([new([tile])], new PanelOptions { TileSize = 65, GridLines = 5 });
        var row = Margin + TitleHeight + 8;
        Assert.That(Enumerable.Range(8, 55).Where(column => panel[1, row, Margin + column] > 0.5), Is.EqualTo(new[] { 21, 37, 53 }));
    }

    [Test]
    public void Render_Twice_GivesTheSamePicture()
    {
        PanelRow[] rows = [new([new("Canonical image", Grey) { Caption = "IoU 0.957", Points = [(0, 0), (0.5, -0.2)] }], "energy")];
        var (first, second) = (PanelRenderer.Render(rows), PanelRenderer.Render(rows));
        Assert.That(second.Data.ToArray(), Is.EqualTo(first.Data.ToArray()));
    }

    [Test]
    public void Render_WithTitlesOnce_SavesTheirSpace()
    {
        PanelRow[] rows = [new([new("a", Grey)]), new([new("a", Grey)])];
        int twice = PanelRenderer.Render(rows).Height, once = PanelRenderer.Render(rows, new PanelOptions { TitlesOnce = true }).Height;
        Assert.That(twice - once, Is.EqualTo(TitleHeight));
    }

    [Test]
    public void Render_OfNothing_IsRefused()
    {
        Assert.That(() => PanelRenderer.Render([]), Throws.ArgumentException);
        Assert.That(() => PanelRenderer.Render([new([])]), Throws.ArgumentException);
    }

    [Test]
    public void Glyphs_AreWellFormedAndCoverLettersAndDigits()
    {
        foreach (var (letter, glyph) in StrokeGlyphs.Strokes)
            foreach (var stroke in glyph.Split(' ', StringSplitOptions.RemoveEmptyEntries))
                Assert.That(stroke, Does.Match("^([0-9a-c][0-9a-g]){2,}$"), $"'{letter}'");
        Assert.That(StrokeGlyphs.Strokes.Keys,
            Is.SupersetOf("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.,:;-+=()[]/%<>'"));
        Assert.That(StrokeGlyphs.Strokes.Values.Distinct().Count(),
            Is.EqualTo(StrokeGlyphs.Strokes.Count - 1), "only I and l may look alike");
    }

    [Test]
    public void Fit_CutsLongTextToWidth()
    {
        var cut = StrokeFont.Fit(new string('m', 100), 10, 200);
        Assert.That(cut, Does.EndWith("..."));
        Assert.That(StrokeFont.Measure(cut, 10), Is.InRange(150, 200));
        Assert.That(StrokeFont.Fit("short", 10, 200), Is.EqualTo("short"));
    }

    [Test]
    public void Write_OfSeveralFiles_PutsWhatRenderGivesIntoEach()
    {
        using var folder = new TemporaryFolder();
        PanelRow[] rows = [new([new("a", Grey), new("b", Constant(32, 64, 0.2f))], "a footer")];
        var options = new PanelOptions { TileSize = 64, Heading = "heading" };
        PanelRenderer.Write([folder["a.png"], folder["b.png"]], rows, options);
        PanelRenderer.Write(folder["c.png"], rows, options);
        var expected = PanelRenderer.Render(rows, options);
        foreach (var name in new[] { "a.png", "b.png", "c.png" })
        {
            var written = ImageFile.Read(folder[name]);
            Assert.That((written.Channels, written.Height, written.Width), Is.EqualTo((3, expected.Height, expected.Width)));
            Assert.That(written.Data.ToArray(), Is.EqualTo(expected.Data.ToArray()), name);
        }
    }

    private static int Ink(ImageBuffer panel, int top, int bottom)
    {
        var count = 0;
        for (var row = top; row < bottom; row++)
            for (var column = 0; column < panel.Width; column++)
                count += panel[1, row, column] < 0.7 ? 1 : 0;
        return count;
    }

    private static ImageBuffer Constant(int height, int width, float value)
    {
        var image = new ImageBuffer(1, height, width);
        image.Data.Fill(value);
        return image;
    }
}
