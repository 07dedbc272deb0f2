using System.Globalization;
using System.Text;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>A page in the making: HTML that is well-formed XML, too, with everything escaped that comes from outside.</summary>
internal sealed class HtmlText
{
    private readonly StringBuilder _text = new();

    /// <summary>Text in which nothing is taken for markup.</summary>
    public static string Escape(string text)
    {
        var escaped = new StringBuilder(text.Length);
        foreach (var c in text)
        {
            _ = c switch
            {
                '<' => escaped.Append("&lt;"),
                '>' => escaped.Append("&gt;"),
                '&' => escaped.Append("&amp;"),
                '"' => escaped.Append("&quot;"),
                '\'' => escaped.Append("&#39;"),
                // Others are forbidden in XML and mean nothing on a page.
                < ' ' when c is not ('\n' or '\t') => escaped.Append(' '),
                '\uFFFE' or '\uFFFF' => escaped.Append('\uFFFD'),
                _ => escaped.Append(c),
            };
        }

        return escaped.ToString();
    }

    /// <summary>Text whose values are escaped and whose numbers are written the same everywhere; what stands between them is markup.
    /// </summary>
    public static string Markup(FormattableString text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var values = text.GetArguments().Select(value => value is string words ? Escape(words) : value).ToArray();
        return string.Format(CultureInfo.InvariantCulture, text.Format, values);
    }

    /// <summary>An image as an address that holds it.</summary>
    public static string DataUri(ImageBuffer image) => $"data:image/png;base64,{Convert.ToBase64String(ImageFile.EncodePng(image))}";

    /// <summary>Adds a line of markup; values in it are escaped.</summary>
    public HtmlText Line(FormattableString text)
    {
        _text.Append(Markup(text)).Append('\n');
        return this;
    }

    /// <summary>Adds markup as it is.</summary>
    public HtmlText Raw(string markup)
    {
        _text.Append(markup).Append('\n');
        return this;
    }

    /// <summary>Adds a table whose first column names its rows.</summary>
    /// <param name="caption">What it is.</param>
    /// <param name="columns">Headings.</param>
    /// <param name="rows">Cells, the first of each row its heading; plain text.</param>
    /// <param name="numbersFrom">The first column that holds numbers, which are aligned on the right.</param>
    public HtmlText Table(
        string caption, IReadOnlyList<string> columns, IEnumerable<IReadOnlyList<string>> rows, int numbersFrom = int.MaxValue)
    {
        // A table wider than the page is scrolled, by the keyboard as well.
        Line($"<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{caption}\">");
        Line($"<table><caption>{caption}</caption><thead><tr>");
        for (var i = 0; i < columns.Count; i++) Cell("th scope=\"col\"", i, columns[i]);
        Raw("</tr></thead><tbody>");
        foreach (var row in rows)
        {
            Raw("<tr>");
            for (var i = 0; i < row.Count; i++) Cell(i == 0 ? "th scope=\"row\"" : "td", i, row[i]);
            Raw("</tr>");
        }

        return Raw("</tbody></table></div>");

        void Cell(string tag, int column, string text) =>
            Raw($"<{tag}{(column >= numbersFrom ? " class=\"number\"" : "")}>{Escape(text)}</{tag[..2]}>");
    }

    /// <inheritdoc/>
    public override string ToString() => _text.ToString();
}
