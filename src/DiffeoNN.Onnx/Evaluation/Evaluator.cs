using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;

namespace DiffeoNN.Onnx.Evaluation;

/// <summary>
/// Measures what canonicalisation gains: deforms images, and scores the network alone, the canonicalised network and,
/// if the bundle holds one, the network trained with deformations, with the network alone on the undeformed images as the ceiling.
/// </summary>
/// <remarks>Images are read, deformed and dropped batch by batch, and answers are scored at their own size, so memory depends on the batch
/// and not on their number. Same data, options and device give the same scores.</remarks>
public sealed class Evaluator
{
    private readonly EquivariantModel _model;
    private readonly EvaluationOptions _options;

    /// <summary>Prepares an evaluation.</summary>
    /// <param name="model">Stays the caller's.</param>
    /// <param name="options">Defaults if null.</param>
    /// <exception cref="BundleException">The model's answers cannot be scored.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The batch is below 1.</exception>
    public Evaluator(EquivariantModel model, EvaluationOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        _options = options ?? new EvaluationOptions();
        Task = _options.Task ?? EvaluationTask.Of(model);
        _model = model;
        ArgumentOutOfRangeException.ThrowIfLessThan(_options.Batch, 1, nameof(options));
    }

    /// <summary>What is scored.</summary>
    public EvaluationTask Task { get; }

    /// <summary>Evaluates the usable samples of a data set.</summary>
    /// <param name="data">The data, opened for <see cref="Task"/>.</param>
    /// <param name="check">Which samples are usable; all are read and have to be, if null.</param>
    /// <param name="progress">Told after each step of the search.</param>
    /// <param name="cancellationToken">Ends the run within one step.</param>
    /// <exception cref="ImageException">An image cannot be read.</exception>
    /// <exception cref="DataException">An image's truth is missing or does not fit.</exception>
    /// <exception cref="DeformationException">No map without folds was found for an image.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public EvaluationResult Run(
        IEvaluationData data, DataCheck? check = null, IProgress<EvaluationProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        check ??= DataCheck.Of(data, cancellationToken: cancellationToken);
        var samples = new List<SampleResult>(check.Usable.Count);
        var time = TimeSpan.Zero;
        foreach (var indices in check.Usable.Chunk(_options.Batch))
        {
            var steps = new RunProgress(progress, samples.Count, indices.Length, check.Usable.Count);
            DeformedSample[] batch = [.. indices.Select(index => Deform(data, index, cancellationToken))];
            samples.AddRange(Score(batch, indices, steps, ref time, cancellationToken));
            progress?.Report(new EvaluationProgress(samples.Count, check.Usable.Count));
        }

        var summary = EvaluationSummary.Of(_model.Bundle.Name, data, _options, samples, time, Task.Answers);
        return new EvaluationResult(summary with { Search = _model.Plan.ToJson() }, samples, check.Skipped);
    }

    /// <summary>Reads and deforms one sample; the same index gives the same map.</summary>
    /// <param name="data">The data.</param>
    /// <param name="index">In [0, Count).</param>
    /// <param name="cancellationToken">Checked once.</param>
    /// <exception cref="ImageException">The image cannot be read.</exception>
    /// <exception cref="DataException">Its truth is missing or does not fit.</exception>
    /// <exception cref="DeformationException">No map without folds was found.</exception>
    public DeformedSample Deform(IEvaluationData data, int index, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        cancellationToken.ThrowIfCancellationRequested();
        var sample = data.Read(index);
        var map = _options.Deformation.Draw(new SamplingGrid(sample.Image.Height, sample.Image.Width), _options.Seed, index);
        var truth = sample.Truth.Deform(map);
        return new DeformedSample(sample, map, map.Apply(sample.Image), truth.Mask) { Truth = truth };
    }

    private List<SampleResult> Score(
        DeformedSample[] batch, int[] indices, RunProgress progress, ref TimeSpan time, CancellationToken cancellationToken)
    {
        // Each image is brought to the networks' size once, for all that looks at it.
        ScaledImage[] originals = [.. batch.Select(sample => _model.PrepareShared(sample.Original.Image))];
        ScaledImage[] deformed = [.. batch.Select(sample => _model.PrepareShared(sample.Image))];
        var measuresTwice = _options.MeasuresInvariance && _options.Deformation is not NoDeformation;
        var clean = Alone(originals);
        var naive = Alone(deformed);
        var augmented = _model.HasAugmented ? _model.RunAugmented(deformed, cancellationToken) : null;
        using var found = Search(deformed, progress.Part(0, measuresTwice ? 0.5 : 1));
        time += found.Fields.Times.Total + found.InferenceTime;
        using var other = measuresTwice ? Search(originals, progress.Part(0.5, 0.5)) : null;
        var undeformed = !_options.MeasuresInvariance ? null : other ?? found;
        var results = new List<SampleResult>(batch.Length);
        for (var i = 0; i < batch.Length; i++)
        {
            var sample = batch[i];
            var image = found.Images[i];
            AnswerScore undisturbed = Task.Score(clean[i], sample.Original.Truth), alone = Of(naive[i]), canonicalised = Of(image.Output);
            results.Add(new SampleResult(
                indices[i], sample.Original.Name, sample.Original.Label,
                undisturbed, alone, canonicalised, augmented is null ? null : Of(augmented[i]),
                image.Canonicalisation,
                undeformed is null
                    ? null
                    : Math.Abs(undeformed.Images[i].Canonicalisation.CanonicalEnergy - image.Canonicalisation.CanonicalEnergy),
                undeformed is null ? null : Task.Answers.Disagreement(image.Output, undeformed.Images[i].Output, sample.Map))
            {
                Heading = Task.Answers.Heading(sample.Truth, image.Output, canonicalised, alone, undisturbed),
            });

            AnswerScore Of(ModelOutput answer) => Task.Score(answer, sample.Truth);
        }

        return results;

        ModelOutput[] Alone(ScaledImage[] images) => [.. _model.RunNaive(images, cancellationToken).Select(answer =>
        {
            using (answer) return answer.ToOutput();
        })];

        EquivariantResult Search(ScaledImage[] images, IProgress<CanonicalisationProgress>? steps)
        {
            using var found = _model.Canonicalise(images, steps, cancellationToken);
            return found.ToResult();
        }
    }

    /// <summary>Turns steps of a search into images done.</summary>
    private sealed class RunProgress(IProgress<EvaluationProgress>? progress, int done, int batch, int count)
    {
        public IProgress<CanonicalisationProgress>? Part(double from, double share) => progress is null ? null : new Steps(value =>
            progress.Report(
                new EvaluationProgress(done + (batch * (from + (share * Math.Min(1, (value.Step + 1.0) / (value.Steps + 1))))), count)));
    }

    private sealed class Steps(Action<CanonicalisationProgress> report) : IProgress<CanonicalisationProgress>
    {
        public void Report(CanonicalisationProgress value) => report(value);
    }
}
