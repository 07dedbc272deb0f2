using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Evaluation;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;

namespace DiffeoNN.Onnx.Tuning;

/// <summary>The images that trials are scored on: undeformed, and deformed by each family.
/// They are read and deformed anew each time, so that memory depends on the batch alone.</summary>
internal sealed class TuningData
{
    private readonly IEvaluationData _data;
    private readonly IReadOnlyList<int> _usable;
    private readonly Evaluator[] _sets;
    private readonly AnswerScore?[][] _alone;
    private readonly int _batch;
    private readonly EvaluationTask _task;

    /// <summary>Prepares the sets.</summary>
    public TuningData(EquivariantModel model, EvaluationTask task, IEvaluationData data, DataCheck check, TuningOptions options)
    {
        (_task, _data, _usable, _batch) = (task, data, check.Usable, options.Batch);
        _sets = [.. new[] { new NoDeformation() }.Concat(options.Deformations).Select(deformation => new Evaluator(
            model, new EvaluationOptions { Deformation = deformation, Seed = options.Seed, Batch = options.Batch, Task = task }))];
        _alone = [.. _sets.Select(_ => new AnswerScore?[Count])];
    }

    /// <summary>Images of each set.</summary>
    public int Count => _usable.Count;

    /// <summary>Number of sets.</summary>
    public int Sets => _sets.Length;

    /// <summary>Energies of the undeformed images that are finite, rising.</summary>
    public double[] Energies(EquivariantModel model, CancellationToken cancellationToken)
    {
        var energies = new List<double>(Count);
        foreach (var chunk in _usable.Chunk(_batch))
        {
            cancellationToken.ThrowIfCancellationRequested();
            energies.AddRange(
                model.Energies([.. chunk.Select(index => _data.Read(index).Image)], cancellationToken).Select(energy => (double)energy));
        }

        return [.. energies.Where(double.IsFinite).Order()];
    }

    /// <summary>Searches as many images of each set as asked for, those of before kept.</summary>
    /// <param name="model">Runs the candidate's settings and uses every certified map.</param>
    /// <param name="candidate">Takes the outcomes.</param>
    /// <param name="images">Of each set, from the start.</param>
    /// <param name="cancellationToken">Ends the work within one step.</param>
    public void Search(EquivariantModel model, Candidate candidate, int images, CancellationToken cancellationToken)
    {
        for (var set = 0; set < Sets; set++)
        {
            foreach (var chunk in Enumerable.Range(candidate.Outcomes[set].Count, images - candidate.Outcomes[set].Count).Chunk(_batch))
                Search(model, candidate, set, chunk, cancellationToken);
        }
    }

    private void Search(EquivariantModel model, Candidate candidate, int set, int[] chunk, CancellationToken cancellationToken)
    {
        DeformedSample[] samples = [.. chunk.Select(i => _sets[set].Deform(_data, _usable[i], cancellationToken))];
        ImageBuffer[] images = [.. samples.Select(sample => sample.Image)];
        // The network alone answers the same whatever the settings are.
        if (chunk.Any(i => _alone[set][i] is null))
        {
            foreach (var (i, answer) in chunk.Zip(model.RunNaive(images, cancellationToken)))
                _alone[set][i] = Score(answer, samples[i - chunk[0]]);
        }

        using var found = model.Run(images, null, cancellationToken);
        candidate.Add(
            set,
            chunk.Select((image, i) =>
            {
                AnswerScore score = Score(found.Images[i].Output, samples[i]), alone = _alone[set][image]!;
                return new Outcome(found.Images[i].Canonicalisation, score.Metric, alone.Metric)
                {
                    FoundRank = score.Rank, AloneRank = alone.Rank,
                };
            }),
            found.Fields.Times.Total + found.InferenceTime);
    }

    private AnswerScore Score(ModelOutput answer, DeformedSample sample) => _task.Score(answer, sample.Truth);
}
