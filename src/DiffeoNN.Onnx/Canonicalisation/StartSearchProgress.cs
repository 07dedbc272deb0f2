namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>Tells of images and of one search, instead of rows and of several runs one after the other.</summary>
/// <param name="inner">Who is told.</param>
/// <param name="images">Images of the batch.</param>
internal sealed class StartSearchProgress(IProgress<CanonicalisationProgress> inner, int images) : IProgress<CanonicalisationProgress>
{
    private readonly List<(int Steps, int[] ImageOfRow)> _runs = [];
    private readonly double[] _best = [.. Enumerable.Repeat(double.NaN, images)];
    private int _run;
    private TimeSpan _before;
    private TimeSpan _elapsed;

    /// <summary>Announces a run; all are announced before the first begins.</summary>
    public void Expect(int steps, int[] imageOfRow) => _runs.Add((steps, imageOfRow));

    /// <summary>The run that was told of last is over.</summary>
    public void EndRun()
    {
        _run++;
        _before = _elapsed;
    }

    /// <inheritdoc/>
    public void Report(CanonicalisationProgress value)
    {
        var imageOfRow = _runs[_run].ImageOfRow;
        for (var row = 0; row < imageOfRow.Length; row++)
        {
            ref var best = ref _best[imageOfRow[row]];
            if (double.IsNaN(best) || value.BestTotals[row] < best)
                best = value.BestTotals[row];
        }

        // Rows are known, not whose they are: as many images as at least have them.
        var distinct = imageOfRow.Distinct().Count();
        var active = ((value.Active * distinct) + imageOfRow.Length - 1) / imageOfRow.Length;
        var toCome = _runs.Skip(_run + 1).SelectMany(run => run.ImageOfRow).Distinct().Count();
        _elapsed = _before + value.Elapsed;
        inner.Report(new CanonicalisationProgress(
            _runs.Take(_run).Sum(run => run.Steps) + value.Step, _runs.Sum(run => run.Steps), images, Math.Max(active, toCome),
            [.. _best], _elapsed));
    }
}
