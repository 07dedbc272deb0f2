using System.Diagnostics;
using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>Several starts an image: all are scored by the energy of the image they lead to, the best are refined,
/// those with equal settings together, and the best result is kept.</summary>
/// <param name="energy">What is minimised.</param>
/// <param name="fields">What refines.</param>
/// <param name="options">How starts are scored.</param>
/// <remarks>Ties go to the earlier start, so that equal runs give equal bits; energies that are no numbers come last.</remarks>
internal sealed class StartSearch(IEnergy energy, ISearchFields fields, SearchSpec options)
{
    /// <summary>Rows scored at once; more would only cost memory.</summary>
    private const int LargestBatch = 64;

    /// <summary>Scores, refines, chooses; the result's tensors belong to nobody's scope.</summary>
    public CanonicalisationResult Run(
        torch.Tensor images, SearchStart[] starts, int refined, IProgress<CanonicalisationProgress>? progress,
        CancellationToken cancellationToken)
    {
        var begun = Stopwatch.GetTimestamp();
        using var scope = torch.NewDisposeScope();
        var (rows, velocities) = BestStarts(images, starts, Math.Min(refined, starts.Length), cancellationToken);
        var scoring = Stopwatch.GetElapsedTime(begun);
        var found = new ResultRow[rows.Length];
        StageTimes? times = null;
        var report = progress is null ? null : new StartSearchProgress(progress, (int)images.size(0));
        var groups = Enumerable.Range(0, rows.Length).GroupBy(row => starts[rows[row].Start].Options)
            .OrderBy(group => group.Min(row => rows[row].Start)).ToList();
        foreach (var group in groups)
            report?.Expect(group.Key.Steps, [.. group.Select(row => rows[row].Image)]);
        foreach (var group in groups)
        {
            int[] members = [.. group];
            var result = fields.Search(
                WithinBudget(group.Key, times?.Total), Select(images, [.. members.Select(row => rows[row].Image)]),
                Select(velocities, members), report, cancellationToken);
            foreach (var tensor in new[] { result.Canonical, result.Velocity, result.Displacement, result.InverseDisplacement })
                scope.Attach(tensor);
            for (var i = 0; i < members.Length; i++)
                found[members[i]] = new ResultRow(result, i);
            times = times?.Plus(result.Times) ?? result.Times;
            report?.EndRun();
        }

        int[] best = [.. Enumerable.Range(0, rows.Length).GroupBy(row => rows[row].Image).OrderBy(image => image.Key)
            .Select(image => Best(image, found))];
        return ResultRow.Gather(
            [.. best.Select(row => found[row])],
            [.. best.Select(row => found[row].Image with { Start = rows[row].Start })],
            times! with { EnergyGradient = times.EnergyGradient + scoring, Total = times.Total + scoring });
    }

    /// <summary>The best starts of each image, image by image, and their velocities at all pixels.</summary>
    private ((int Image, int Start)[] Rows, torch.Tensor Velocities) BestStarts(
        torch.Tensor images, SearchStart[] starts, int kept, CancellationToken cancellationToken)
    {
        using var noGradient = torch.no_grad();
        var (count, grid) = ((int)images.size(0), SamplingGrid.Of(images));
        torch.Tensor[] full = [.. starts.Select(
            start => LatticeUpsampling.Resample(start.Velocity.detach().to(images.device), grid).expand(count, -1, -1, -1))];
        var scores = Scores(images, full, cancellationToken);
        (int Image, int Start)[] rows = [.. Enumerable.Range(0, count).SelectMany(image => Enumerable.Range(0, starts.Length)
            .OrderBy(start => double.IsNaN(scores[start, image])).ThenBy(start => scores[start, image]).ThenBy(start => start)
            .Take(kept).Select(start => (image, start)))];
        return (rows, torch.cat([.. rows.Select(row => full[row.Start].narrow(0, row.Image, 1))], 0));
    }

    private double[,] Scores(torch.Tensor images, torch.Tensor[] starts, CancellationToken cancellationToken)
    {
        var count = (int)images.size(0);
        var scores = new double[starts.Length, count];
        foreach (var chunk in Enumerable.Range(0, starts.Length * count).Chunk(LargestBatch))
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var scope = torch.NewDisposeScope();
            var v = torch.cat([.. chunk.Select(i => starts[i / count].narrow(0, i % count, 1))], 0);
            int[] squarings = [.. ScalingAndSquaring.FastestSpeeds(v).Select(speed => CanonicalisationRun.SquaringsOf(speed, options))];
            using var u = ScalingAndSquaring.Exp(v, squarings);
            var batch = torch.cat([.. chunk.Select(i => images.narrow(0, i % count, 1))], 0);
            using var evaluation = energy.Evaluate(Warp.Apply(batch, u, options.Padding), false, cancellationToken);
            var energies = evaluation.Energy.cpu().data<float>().ToArray();
            for (var row = 0; row < chunk.Length; row++)
                scores[chunk[row] / count, chunk[row] % count] = energies[row];
        }

        return scores;
    }

    /// <summary>The accepted row of least total, else the first: all tell why.</summary>
    private static int Best(IEnumerable<int> rows, ResultRow[] found) => rows
        .OrderBy(row => !found[row].Image.Accepted).ThenBy(row => found[row].Image.Accepted ? found[row].Image.Total.After : 0)
        .ThenBy(row => row).First();

    /// <summary>A later run has the time that earlier ones left.</summary>
    private static SearchSpec WithinBudget(SearchSpec options, TimeSpan? used) =>
        options.TimeBudget is { } budget && used is { } spent
            ? options with { TimeBudget = spent < budget ? budget - spent : TimeSpan.Zero }
            : options;

    private static torch.Tensor Select(torch.Tensor tensor, int[] rows) =>
        tensor.index_select(0, torch.tensor(rows.Select(row => (long)row).ToArray(), device: tensor.device));
}
