using System.Globalization;
using System.Net;
using System.Text;
using DiffeoNN.Onnx.Validation.Comparing;

namespace DiffeoNN.Onnx.Validation.Reports;

/// <summary>A histogram as a small picture (SVG) inside a page.</summary>
internal static class HistogramPicture
{
    private const int BarWidth = 12;
    private const int BarHeight = 30;
    private const int Base = BarHeight + 2;

    /// <summary>Exact elements in a grey bar on the left, then one bar for each power of ten; red from the bound on.</summary>
    public static string Of(TensorComparison tensor)
    {
        var histogram = tensor.Histogram;
        var counts = histogram.Counts.Prepend(histogram.Exact).ToArray();
        var most = Math.Max(1, counts.Max());
        var bound = tensor.Tolerance.Relative is > 0 and < 1 ? tensor.Tolerance.Relative : (double?)null;
        var width = (counts.Length * BarWidth) + 4;
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture,
            $"<svg role=\"img\" width=\"{width}\" height=\"{Base + 12}\" viewBox=\"0 0 {width} {Base + 12}\">"
            + $"<title>{WebUtility.HtmlEncode(Describe(histogram))}</title>");
        for (var i = 0; i < counts.Length; i++)
        {
            if (counts[i] == 0) continue;
            // Logarithmic, so that one bad element among a million is seen.
            var height = 3 + ((BarHeight - 3) * Math.Log(1 + counts[i]) / Math.Log(1 + most));
            // Of the bin that holds the bound, the lower end counts.
            var isBeyond = bound is { } limit && i > 1 && i - 2 + ErrorHistogram.LowestExponent >= Math.Log10(limit) - 1e-9;
            var colour = i == 0 ? "#9aa5b4" : isBeyond ? "#b3261e" : "#4a76b8";
            svg.Append(CultureInfo.InvariantCulture, $"<rect x=\"{(i * BarWidth) + 3}\" y=\"{Base - height:0.#}\" width=\"{BarWidth - 2}\" "
                + $"height=\"{height:0.#}\" fill=\"{colour}\"/>");
        }

        svg.Append(CultureInfo.InvariantCulture, $"<line x1=\"1\" y1=\"{Base}\" x2=\"{width - 1}\" y2=\"{Base}\" stroke=\"#9aa5b4\"/>");
        if (bound is { } at)
        {
            var x = 2 + (BarWidth * (2 + Math.Clamp(Math.Log10(at) - ErrorHistogram.LowestExponent, 0, ErrorHistogram.Bins - 2)));
            svg.Append(CultureInfo.InvariantCulture,
                $"<line x1=\"{x:0.#}\" y1=\"0\" x2=\"{x:0.#}\" y2=\"{Base}\" stroke=\"#5c6675\" stroke-dasharray=\"2 2\"/>");
        }

        Label(3, "0");
        Label(2 + (BarWidth * 2), "1e-10");
        Label(2 + (BarWidth * 7), "1e-5");
        Label(width - 8, "1");
        return svg.Append("</svg>").ToString();

        void Label(int x, string text) =>
            svg.Append(CultureInfo.InvariantCulture,
                $"<text x=\"{x}\" y=\"{Base + 10}\" font-size=\"9\" fill=\"#5c6675\" font-family=\"sans-serif\">{text}</text>");
    }

    private static string Describe(ErrorHistogram histogram)
    {
        var parts = new List<string>();
        if (histogram.Exact > 0) parts.Add($"equal: {histogram.Exact}");
        parts.AddRange(histogram.Counts.Select((count, bin) => (count, bin)).Where(entry => entry.count > 0)
            .Select(entry => $"{ErrorHistogram.Label(entry.bin)}: {entry.count}"));
        if (histogram.NonFinite > 0) parts.Add($"not finite on one side: {histogram.NonFinite}");
        return string.Join("; ", parts);
    }
}
