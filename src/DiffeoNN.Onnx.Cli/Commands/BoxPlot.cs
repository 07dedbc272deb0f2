using System.Text;
using DiffeoNN.Onnx.Metrics;
using DiffeoNN.Onnx.Rendering;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>A box plot of several methods in several groups, as SVG that stands within a page and takes its colours: box from first to
/// third quartile, line at the median, diamond at the mean, whiskers to the furthest value within 1.5 boxes, dots beyond.</summary>
/// <param name="Title">What is shown.</param>
/// <param name="Quantity">What the values are.</param>
/// <param name="Methods">Names of the methods, in their order; at most three.</param>
/// <param name="Groups">Names of the groups, and the boxes of some of the methods.</param>
internal sealed record BoxPlot(
    string Title, string Quantity, IReadOnlyList<string> Methods, IReadOnlyList<(string Name, IReadOnlyList<BoxPlotSeries> Boxes)> Groups)
{
    private const int Step = 46, Between = 34, Half = 15, Left = 52, Right = 12, Top = 40, Bottom = 34, Height = 320;

    /// <summary>The plot.</summary>
    /// <param name="id">Of the plot in the page.</param>
    public string ToSvg(string id)
    {
        var boxes = Groups.SelectMany(group => group.Boxes).ToList();
        var y = AxisTicks.Linear(boxes.Min(box => box.Values.Min()), boxes.Max(box => box.Values.Max()), 5);
        var width = Math.Max(420, Left + Right + boxes.Sum(_ => Step) + (Groups.Count * Between));
        double Y(double value) => Height - Bottom - (y.Place(value) * (Height - Top - Bottom));
        var svg = new StringBuilder();
        svg.Append(HtmlText.Markup($"<svg class=\"boxes\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\""));
        svg.Append(HtmlText.Markup($" viewBox=\"0 0 {width} {Height}\" width=\"{width}\">"));
        svg.Append(HtmlText.Markup($"<title id=\"{id}-t\">{Title}</title><desc id=\"{id}-d\">"));
        foreach (var (name, series) in Groups)
        {
            svg.Append(HtmlText.Markup($"{name}: "));
            svg.AppendJoin("; ", series.Select(box => Words(box))).Append(". ");
        }

        svg.Append("</desc>");
        foreach (var tick in y.Ticks)
        {
            svg.Append(HtmlText.Markup($"<path class=\"grid\" d=\"M{Left} {Y(tick):F1}H{width - Right}\"/>"));
            svg.Append(HtmlText.Markup($"<text x=\"{Left - 6}\" y=\"{Y(tick) + 4:F1}\" text-anchor=\"end\">{AxisTicks.Text(tick)}</text>"));
        }

        var at = Left + 8.0;
        foreach (var (method, i) in Methods.Select((method, i) => (method, i)))
        {
            svg.Append(HtmlText.Markup($"<g class=\"m{i}\"><rect class=\"box\" x=\"{at:F0}\" y=\"8\" width=\"14\" height=\"14\"/></g>"));
            svg.Append(HtmlText.Markup($"<text x=\"{at + 20:F0}\" y=\"20\">{method}</text>"));
            at += 48 + (7.2 * method.Length);
        }

        at = Left + (Between / 2.0);
        foreach (var (name, series) in Groups)
        {
            var middle = at + (series.Count * Step / 2.0);
            svg.Append(HtmlText.Markup($"<text x=\"{middle:F1}\" y=\"{Height - 12}\" text-anchor=\"middle\">{name}</text>"));
            foreach (var box in series)
            {
                Draw(svg, box, at + (Step / 2.0), Y);
                at += Step;
            }

            at += Between;
        }

        return svg.Append("</svg>").ToString();
    }

    private void Draw(StringBuilder svg, BoxPlotSeries series, double x, Func<double, double> y)
    {
        var found = SummaryStatistics.Of(series.Values);
        var reach = 1.5 * (found.ThirdQuartile - found.FirstQuartile);
        var low = series.Values.Where(value => value >= found.FirstQuartile - reach).Min();
        var high = series.Values.Where(value => value <= found.ThirdQuartile + reach).Max();
        double top = y(found.ThirdQuartile), bottom = y(found.FirstQuartile);
        svg.Append(HtmlText.Markup($"<g class=\"m{Methods.ToList().IndexOf(series.Name)}\">"));
        // Dots that fall on each other are one.
        foreach (var dot in series.Values.Where(value => value < low || value > high).Select(value => Math.Round(y(value))).Distinct())
            svg.Append(HtmlText.Markup($"<circle class=\"dot\" cx=\"{x:F1}\" cy=\"{dot:F0}\" r=\"2\"/>"));
        svg.Append(HtmlText.Markup($"<path class=\"edge\" d=\"M{x:F1} {y(high):F1}V{top:F1}M{x:F1} {bottom:F1}V{y(low):F1}"));
        svg.Append(HtmlText.Markup($"M{x - 7:F1} {y(high):F1}h14M{x - 7:F1} {y(low):F1}h14\"/>"));
        svg.Append(HtmlText.Markup(
            $"<rect class=\"box\" x=\"{x - Half:F1}\" y=\"{top:F1}\" width=\"{2 * Half}\" height=\"{Math.Max(1, bottom - top):F1}\"/>"));
        svg.Append(HtmlText.Markup($"<path class=\"median\" d=\"M{x - Half:F1} {y(found.Median):F1}h{2 * Half}\"/>"));
        svg.Append(HtmlText.Markup($"<path class=\"mean\" d=\"M{x:F1} {y(found.Mean) - 5:F1}l5 5l-5 5l-5 -5z\"/></g>"));
    }

    private static string Words(BoxPlotSeries series)
    {
        var found = SummaryStatistics.Of(series.Values);
        return HtmlText.Markup(
            $"{series.Name}, mean {found.Mean:F3}, median {found.Median:F3}, quartiles {found.FirstQuartile:F3}, {found.ThirdQuartile:F3}");
    }
}
