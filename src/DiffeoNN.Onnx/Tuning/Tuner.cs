using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Evaluation;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Tuning;

/// <summary>
/// Looks for better settings of a bundle on validation images: weights of the energy, learning rate, steps,
/// lattice and smoothness of the search the bundle does by default (its refinement, where that starts at a proposal),
/// and when a map is used.
/// </summary>
/// <remarks>
/// A random search in two rounds, the first far around the present settings, the second close around the best.
/// In each round all candidates are scored on a quarter of the images, the better half of them on half, and the better half of these on
/// all. The best of those that got so far is the result. An image is searched once for each candidate: which map would be used by which
/// rule of acceptance follows from the energies. Networks are loaded once. Same data, options and device give the same result.
/// </remarks>
public sealed class Tuner
{
    /// <summary>The split that tuning must not see.</summary>
    public const string TestSplit = "test";

    /// <summary>Fewer images say too little to drop a candidate.</summary>
    private const int FewestImages = 4;

    private readonly EquivariantModel _model;
    private readonly TuningOptions _options;

    /// <summary>Prepares a tuning.</summary>
    /// <param name="model">Stays the caller's. Of its options only device and cores count:
    /// what is tuned is what the bundle does by default.</param>
    /// <param name="options">Defaults if null.</param>
    /// <exception cref="BundleException">The bundle starts at several points, which is not tuned,
    /// or its answers cannot be scored.</exception>
    /// <exception cref="ArgumentException">An option makes no sense.</exception>
    public Tuner(EquivariantModel model, TuningOptions? options = null)
    {
        _options = options ?? new TuningOptions();
        _options.Validate();
        ArgumentNullException.ThrowIfNull(model);
        Task = _options.Task ?? EvaluationTask.Of(model);
        _model = model;
        using var plain = Searching(model.Bundle.Manifest);
        Start = plain.Plan.Start;
        if (Start == StartPoint.Multi)
        {
            throw new BundleException(
                $"Bundle '{model.Bundle.Name}' starts at several points, which is not tuned; tune it with "
                + "optimiser.start identity or proposer.");
        }
    }

    /// <summary>What is scored.</summary>
    public EvaluationTask Task { get; }

    /// <summary>Where the search starts that is tuned.</summary>
    public StartPoint Start { get; }

    /// <summary>Whether a name is that of the split that tuning must not see.</summary>
    /// <param name="split">Any name, or null.</param>
    public static bool IsTestSplit(string? split) => string.Equals(split, TestSplit, StringComparison.OrdinalIgnoreCase);

    /// <summary>Tries settings.</summary>
    /// <param name="data">The data, opened for <see cref="Task"/>; no test split.</param>
    /// <param name="check">Which samples are usable; all are read and have to be, if null.</param>
    /// <param name="progress">Told of each trial whenever it is scored, on the calling thread unless it arranges otherwise.</param>
    /// <param name="cancellationToken">Ends the run within one step; nothing is left behind.</param>
    /// <exception cref="ArgumentException">The data are a test split.</exception>
    /// <exception cref="ImageException">An image cannot be read.</exception>
    /// <exception cref="DataException">An image's truth is missing or does not fit.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public TuningResult Run(
        IEvaluationData data, DataCheck? check = null, IProgress<TuningTrial>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        if (IsTestSplit(data.Split))
            throw new ArgumentException(
                $"'{data.Name}' was opened for the split '{data.Split}'; settings are never chosen on test images.", nameof(data));
        check ??= DataCheck.Of(data, cancellationToken: cancellationToken);
        return new Session(this, new TuningData(_model, Task, data, check, _options), progress, cancellationToken).Run(data, check);
    }

    /// <summary>Runs settings as the bundle would, but uses every certified map: who uses which is decided afterwards.</summary>
    private EquivariantModel Searching(BundleManifest manifest) => _model.WithSettings(manifest, options => new EquivariantOptions
    {
        Execution = options.Execution,
        Accept = AcceptanceRule.Always,
        Seed = _options.Seed,
    });

    /// <summary>One run.</summary>
    private sealed class Session(Tuner tuner, TuningData images, IProgress<TuningTrial>? progress, CancellationToken cancellationToken)
    {
        private readonly List<Candidate> _candidates = [];
        private readonly HashSet<SearchSpec> _tried = [];
        private readonly BundleManifest _manifest = tuner._model.Bundle.Manifest;

        public TuningResult Run(IEvaluationData data, DataCheck check)
        {
            var present = new Candidate(0, _manifest.Search, images.Sets, choosesAcceptance: false);
            Score(present, images.Count);
            Score(new Candidate(1, present), images.Count);
            var drawn = tuner._options.Trials - 1;
            Round(first: 2, (drawn + 1) / 2, narrow: false);
            Round(first: 2 + ((drawn + 1) / 2), drawn / 2, narrow: true);
            var best = Best();
            if (best.Score < present.Trial!.Score + TuningResult.SmallestGain) best = present.Trial;
            return new TuningResult(
                [.. _candidates.Select(candidate => candidate.Trial!)], best, check.Skipped,
                TuningResult.Describe(data, tuner._options, present.Trial, best));
        }

        /// <summary>The highest score on all images; equals in order.</summary>
        private TuningTrial Best() =>
            _candidates.Select(candidate => candidate.Trial!).Where(trial => trial.Images == images.Count).MaxBy(trial => trial.Score)!;

        private void Round(int first, int count, bool narrow)
        {
            if (count == 0) return;
            var centre = Best().Settings;
            SearchSpec search;
            using (var model = tuner.Searching(_manifest with { Search = centre }))
                search = model.Plan.Usual;
            var sampler = new SettingsSampler(tuner._model.Bundle, tuner.Start, tuner._options.Seed);
            List<Candidate> left = [.. Enumerable.Range(first, count)
                .Select(number =>
                    new Candidate(number, sampler.Draw(centre, search, number, narrow, _tried), images.Sets, choosesAcceptance: true))];
            foreach (var size in new[] { (images.Count + 3) / 4, (images.Count + 1) / 2, images.Count }
                .Select(size => Math.Max(size, Math.Min(FewestImages, images.Count))).Distinct())
            {
                foreach (var candidate in left) Score(candidate, size);
                left = [.. left.OrderByDescending(candidate => candidate.Trial!.Score).ThenBy(candidate => candidate.Number)
                    .Take((left.Count + 1) / 2)];
            }
        }

        private void Score(Candidate candidate, int count)
        {
            if (!_candidates.Contains(candidate)) _candidates.Add(candidate);
            using var model = tuner.Searching(_manifest with { Search = candidate.Settings });
            if (candidate.Images < count)
            {
                if (candidate.Energies.Length == 0) candidate.Energies = images.Energies(model, cancellationToken);
                images.Search(model, candidate, count, cancellationToken);
            }

            var trial = candidate.Score(model.Plan.Usual);
            progress?.Report(trial);
        }
    }
}
