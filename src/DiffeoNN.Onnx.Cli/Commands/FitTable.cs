using System.Globalization;
using DiffeoNN.Onnx.Training.Fit;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>The table of a fit that goes on: stage, step, time left, what was reached on images held out, terms and their curves.</summary>
/// <param name="unicode">Whether curves and bars may be drawn with blocks.</param>
internal sealed class FitTable(bool unicode)
{
    private const int Bar = 30;
    private const int Points = 40;
    private const string Blocks = "▁▂▃▄▅▆▇█", Plain = "_.-~=+*#";

    private readonly Dictionary<string, List<double>> _terms = new(StringComparer.Ordinal);
    private FitProgress? _last;
    private FitTrial? _trial;
    private bool _stands;

    /// <summary>Takes what was reported.</summary>
    /// <returns>Whether something began or was found, which is shown at once.</returns>
    public bool Take(FitProgress value)
    {
        var isNew = (value.Stage, value.Round) != (_last?.Stage, _last?.Round);
        if (isNew) _terms.Clear();
        foreach (var (name, term) in value.Terms.Where(term => double.IsFinite(term.Value)))
        {
            if (!_terms.TryGetValue(name, out var values)) _terms[name] = values = [];
            values.Add(term);
            if (values.Count > Points) values.RemoveAt(0);
        }

        if (value.Trial is not null) _trial = value.Trial;
        _stands |= value.Written;
        _last = value;
        return isNew || value.Trial is not null || value.Note is not null;
    }

    /// <summary>Draws it.</summary>
    public IRenderable Draw()
    {
        var grid = new Grid().AddColumn(new GridColumn().NoWrap()).AddColumn();
        if (_last is not { } at) return grid.AddRow(new Text("fit"), new Text("begins"));
        Row("stage", FitLines.Words(at.Stage) + (at.Round > 1 ? FormattableString.Invariant($", round {at.Round}") : ""));
        Row("step", string.Create(CultureInfo.InvariantCulture, $"{BarOf(at.Step, at.Steps)} {at.Step}/{at.Steps}"));
        Row("time", at.Left > TimeSpan.Zero
            ? string.Create(CultureInfo.InvariantCulture, $"{at.Elapsed:h\\:mm\\:ss}, {at.Left:h\\:mm\\:ss} left")
            : string.Create(CultureInfo.InvariantCulture, $"{at.Elapsed:h\\:mm\\:ss}, the time is over"));
        Row("bundle", _stands ? "written; Ctrl-C keeps it" : "not written yet");
        if (_trial is not null) Row("validation", $"{FitLines.Describe(_trial)} ({FitLines.Basis(_trial)})");
        foreach (var (name, values) in _terms)
            Row(name, string.Create(CultureInfo.InvariantCulture, $"{values[^1],-9:G3} {Sparkline(values, unicode)}"));
        return grid;

        void Row(string name, string text) => grid.AddRow(new Text(name, new Style(decoration: Decoration.Dim)), new Text(text));
    }

    /// <summary>A curve of characters, from the least value to the greatest; on a logarithmic scale where all are positive.</summary>
    internal static string Sparkline(IReadOnlyList<double> values, bool unicode)
    {
        var marks = unicode ? Blocks : Plain;
        double[] scaled = values.All(value => value > 0) ? [.. values.Select(value => Math.Log(value))] : [.. values];
        double low = scaled.Min(), range = scaled.Max() - low;
        return string.Concat(scaled.Select(value =>
            marks[range <= 1e-12 ? 0 : (int)Math.Min(marks.Length - 1, (value - low) / range * marks.Length)]));
    }

    private string BarOf(int step, int steps)
    {
        var done = steps <= 0 ? 0 : (int)((long)Bar * Math.Clamp(step, 0, steps) / steps);
        return new string(unicode ? '━' : '#', done) + new string(unicode ? '╌' : '.', Bar - done);
    }
}
