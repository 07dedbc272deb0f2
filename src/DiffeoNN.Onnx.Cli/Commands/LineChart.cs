using System.Globalization;
using System.Text;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>A small chart of one quantity over steps, as SVG that stands within a page and takes its colours.</summary>
/// <param name="Title">What is shown.</param>
/// <param name="Unit">Of the quantity, beside its axis.</param>
/// <param name="Parts">Lines, from left to right, such as rounds of a training; at least one with a point.</param>
internal sealed record LineChart(string Title, string Unit, IReadOnlyList<IReadOnlyList<(double X, double Y)>> Parts)
{
    private const int Width = 320, Height = 190, Left = 52, Right = 12, Top = 12, Bottom = 42;

    /// <summary>The chart; null where no value is finite.</summary>
    /// <param name="id">Of the chart in the page.</param>
    public string? ToSvg(string id)
    {
        var parts = Parts.Select(part => part.Where(point => double.IsFinite(point.Y)).ToList()).Where(part => part.Count > 0).ToList();
        if (parts.Count == 0) return null;
        var points = parts.SelectMany(part => part).ToList();
        var x = AxisTicks.Linear(0, Math.Max(1, points.Max(point => point.X)), 3) with { High = Math.Max(1, points.Max(point => point.X)) };
        var y = AxisTicks.Suitable(points.Min(point => point.Y), points.Max(point => point.Y));
        double X(double value) => Left + (x.Place(value) * (Width - Left - Right));
        double Y(double value) => Height - Bottom - (y.Place(value) * (Height - Top - Bottom));
        var svg = new StringBuilder();
        svg.Append(HtmlText.Markup($"<svg role=\"img\" aria-labelledby=\"{id}-t {id}-d\" viewBox=\"0 0 {Width} {Height}\">"));
        var (first, last) = (points[0], points[^1]);
        svg.Append(HtmlText.Markup($"<title id=\"{id}-t\">{Title}</title><desc id=\"{id}-d\">From {first.Y:G3} at step {first.X:F0} to "));
        svg.Append(HtmlText.Markup($"{last.Y:G3} at step {last.X:F0}; least {points.Min(point => point.Y):G3}. "));
        svg.Append(HtmlText.Markup($"{(y.IsLogarithmic ? "Logarithmic" : "Linear")} axis, in {Unit}.</desc>"));
        foreach (var tick in y.Ticks)
        {
            svg.Append(HtmlText.Markup($"<path class=\"grid\" d=\"M{Left} {Y(tick):F1}H{Width - Right}\"/>"));
            svg.Append(HtmlText.Markup($"<text x=\"{Left - 6}\" y=\"{Y(tick) + 4:F1}\" text-anchor=\"end\">{AxisTicks.Text(tick)}</text>"));
        }

        foreach (var tick in x.Ticks.Where(tick => tick <= x.High))
        {
            svg.Append(HtmlText.Markup($"<path class=\"grid\" d=\"M{X(tick):F1} {Height - Bottom}v4\"/>"));
            svg.Append(HtmlText.Markup(
                $"<text x=\"{X(tick):F1}\" y=\"{Height - Bottom + 17}\" text-anchor=\"middle\">{Steps(tick)}</text>"));
        }

        foreach (var part in parts.Skip(1))
            svg.Append(HtmlText.Markup($"<path class=\"part\" d=\"M{X(part[0].X):F1} {Top}V{Height - Bottom}\"/>"));
        foreach (var part in parts)
        {
            var line = string.Join('L', part.Select(point => HtmlText.Markup($"{X(point.X):F1} {Y(point.Y):F1}")));
            // One point alone is a line of no length, which round ends make a dot of.
            svg.Append(CultureInfo.InvariantCulture, $"<path class=\"line\" d=\"M{line}{(part.Count == 1 ? "h0" : "")}\"/>");
        }

        svg.Append(HtmlText.Markup($"<text x=\"{(Left + Width - Right) / 2}\" y=\"{Height - 6}\" text-anchor=\"middle\">steps</text>"));
        svg.Append("</svg>");
        return svg.ToString();
    }

    private static string Steps(double step) => step >= 1000
        ? (step / 1000).ToString("0.##k", CultureInfo.InvariantCulture)
        : step.ToString("0", CultureInfo.InvariantCulture);
}
