using System.Diagnostics;
using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Fields;
using TorchSharp;

namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>Several starts an image: all are scored by the energy of the image they lead to, the best are refined together, and the best result
/// is kept.</summary>
/// <remarks>Ties go to the earlier start, so that equal runs give equal bits; energies that are no numbers come last.</remarks>
internal sealed class StartSearch(IEnergy energy, CanonicaliserOptions options)
{
    /// <summary>Rows scored at once; more would only cost memory.</summary>
    private const int LargestBatch = 64;

    /// <summary>Scores, refines, chooses; the result's tensors belong to nobody's scope.</summary>
    public CanonicalisationResult Run(
        torch.Tensor images, IReadOnlyList<torch.Tensor> starts, int refined, IProgress<CanonicalisationProgress>? progress, CancellationToken cancellationToken)
    {
        var begun = Stopwatch.GetTimestamp();
        using var scope = torch.NewDisposeScope();
        var count = (int)images.size(0);
        var grid = SamplingGrid.Of(images);
        int[] rows; // start of row (image * kept + rank)
        var kept = Math.Min(refined, starts.Count);
        torch.Tensor velocities;
        using (torch.no_grad())
        {
            torch.Tensor[] full = [.. starts.Select(start => LatticeUpsampling.Resample(start.detach().to(images.device), grid).expand(count, -1, -1, -1))];
            var scores = Scores(images, full, cancellationToken);
            rows = [.. Enumerable.Range(0, count).SelectMany(image => Enumerable.Range(0, starts.Count)
                .OrderBy(start => double.IsNaN(scores[start, image])).ThenBy(start => scores[start, image]).ThenBy(start => start).Take(kept))];
            velocities = torch.cat([.. rows.Select((start, row) => full[start].narrow(0, row / kept, 1))], 0);
        }

        var scoring = Stopwatch.GetElapsedTime(begun);
        using var run = new CanonicalisationRun(energy, options, Repeat(images, kept), velocities);
        run.Optimise(progress is null ? null : new PerImage(progress, kept), cancellationToken);
        using var all = run.Finish(cancellationToken);
        long[] best = [.. Enumerable.Range(0, count).Select(image => (long)Best(all, image * kept, kept))];
        var index = torch.tensor(best, device: images.device);
        torch.Tensor Chosen(torch.Tensor tensor) => tensor.index_select(0, index).DetachFromDisposeScope();
        return new CanonicalisationResult(
            Chosen(all.Canonical), Chosen(all.Velocity), Chosen(all.Displacement), Chosen(all.InverseDisplacement),
            [.. best.Select(row => all.Images[(int)row] with { Start = rows[row] })],
            all.Times with { EnergyGradient = all.Times.EnergyGradient + scoring, Total = all.Times.Total + scoring });
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
    private static int Best(CanonicalisationResult all, int first, int rows) => Enumerable.Range(first, rows)
        .OrderBy(row => !all.Images[row].Accepted).ThenBy(row => all.Images[row].Accepted ? all.Images[row].Total.After : 0).ThenBy(row => row).First();

    private static torch.Tensor Repeat(torch.Tensor images, int times) => times == 1 ? images : images.repeat_interleave(times, 0);

    /// <summary>Tells of images instead of rows.</summary>
    private sealed class PerImage(IProgress<CanonicalisationProgress> inner, int kept) : IProgress<CanonicalisationProgress>
    {
        public void Report(CanonicalisationProgress value) => inner.Report(value with
        {
            Images = value.Images / kept,
            Active = (value.Active + kept - 1) / kept,
            BestTotals = [.. value.BestTotals.Chunk(kept).Select(totals => totals.Min())],
        });
    }
}
