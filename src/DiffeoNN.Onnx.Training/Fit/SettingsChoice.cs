using System.Diagnostics;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Evaluation;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tuning;

namespace DiffeoNN.Onnx.Training.Fit;

/// <summary>Chooses passes, averaging, acceptance, the critic's weight and that of the image as it is of a bundle on images held out, and
/// judges it on new deformations of them.</summary>
internal sealed class SettingsChoice(
    FitOptions options, IEvaluationData heldOut, bool hasTruth, CancellationToken cancellationToken)
{
    private const int Batch = 8;
    private const int Fewest = 8;
    private const int FewestJudged = 32;
    private const int FewestQuick = 32;
    private const int FewestFinal = 64;
    private const int Quick = 256;
    private const int Most = FitImages.MostHeldOut;
    private const int FirstLook = 2;
    private const int Quantiles = 96;

    // What undeformed images lose beyond a little counts so many times: they are what a network was trained for. Errors, which have a
    // unit, may rise by a share of the gap.
    private const double LossWeight = 3;
    private const double FreeLoss = 0.001;
    private const double FreeShareOfGap = 0.01;

    private static readonly TimeSpan Short = TimeSpan.FromMinutes(5);

    // Which passes are tried: all of them at the end, the extremes on the way.
    private static readonly (int Passes, bool Average)[] All = [(3, true), (1, false), (2, true), (2, false), (3, false)];

    // The answer for the image as it is as a further member: networks trained with deformations gain by it.
    private static readonly double[] IdentityWeights = [0.5, 2];

    /// <summary>What is compared, as tables name it.</summary>
    public string Measure { get; private set; } = "";

    /// <summary>What is to be said where the time left fewer images than tell anything, of the last choice or verdict; else null.</summary>
    public string? Shortage { get; private set; }

    /// <summary>The settings that a choice starts from.</summary>
    public static BundleManifest Usual(BundleManifest manifest, bool withCritic) => manifest with
    {
        Search = withCritic ? Start with { Adversarial = 1 } : Start,
    };

    private static SearchSpec Start => new()
    {
        Vae = 1, Beta = 0.3, Smoothness = 100, Orientation = 50, Field = Fields.FieldKind.Lattice, Lattice = 6, Steps = 80,
        LearningRate = 0.04, Passes = 3, Average = true, Tolerance = 0.005, Patience = 10, MinimumDecrease = 0.1,
        Refinement = new SearchSpec { Steps = 0 },
    };

    /// <summary>Chooses.</summary>
    /// <param name="bundle">Folder of a bundle that holds what <see cref="Usual"/> gave.</param>
    /// <param name="time">About how long it may take.</param>
    /// <param name="left">What is left of the whole fit's time.</param>
    /// <param name="images">Images of each family; null for as many as the time allows.</param>
    /// <param name="final">Whether all settings are tried on more images.</param>
    /// <param name="standing">Settings that were chosen before, without the critic: tried first. Null for none.</param>
    /// <param name="progress">Told of trials done and in all.</param>
    public FitTrial Choose(
        string bundle, TimeSpan time, TimeSpan left, int? images, bool final, SearchSpec? standing, Action<int, int> progress)
    {
        Shortage = null;
        using var model = EquivariantModel.Load(bundle, new EquivariantOptions { Execution = options.Execution, Seed = options.Seed });
        var manifest = Scaled(model);
        var tried = final ? All : All[..2];
        var critics = final && model.Bundle.Has(BundleRole.Critic) ? 2 : 0;
        var identities = final ? IdentityWeights : [];
        var trials = tried.Length + critics + identities.Length + (standing is null ? 0 : 1);
        var (data, check) = Data(model, int.MaxValue);
        var tuning = new TuningOptions
        {
            Deformations = [.. options.Families.Select(Deformation.Create)], Seed = unchecked(options.Seed + 11), Batch = Batch,
            Task = TaskOf(model),
        };
        var few = new TuningData(model, tuning.Task, data, check, tuning);
        var count = images is { } given
            ? Math.Min(given, few.Count)
            : Affordable(model, few, manifest, (time, left), trials * few.Sets, final ? Most : Quick);
        // Thresholds are quantiles of the energies of these.
        var some = Shortage is null ? Math.Max(count, Quantiles) : count;
        var all = new TuningData(model, tuning.Task, data, check with { Usable = [.. check.Usable.Take(some)] }, tuning);
        var best = (Candidate: (Candidate?)null, Trial: (TuningTrial?)null);
        var number = 0;
        if (standing is not null)
            Try(standing);
        foreach (var (passes, average) in tried)
            Try(manifest.Search with { Passes = passes, Average = average });
        for (var i = 0; i < critics; i++)
            Try(best.Trial!.Settings with { Adversarial = i == 0 ? 0 : 4 * manifest.Search.Adversarial });
        foreach (var weight in identities)
            Try(best.Trial!.Settings with { IdentityWeight = weight });
        var trial = best.Trial!;
        var rule = RuleOf(trial.Settings, model);
        var alone = best.Candidate!.Outcomes.Select(set => set.Average(outcome => outcome.Alone)).ToList();
        return new FitTrial(
            trial.Settings, trial.Images, trial.Score, trial.Undeformed, alone[0],
            Named(trial.Deformed), Named(alone.Skip(1)))
        {
            Errors = new[] { "none" }.Concat(options.Families).Zip(best.Candidate.Outcomes).ToDictionary(
                pair => pair.First,
                pair => ErrorOf([.. pair.Second.Select(outcome => outcome.Metric(rule) - outcome.Alone)]), StringComparer.Ordinal),
            Found = [.. best.Candidate.Outcomes.Select(set => set.Select(outcome => outcome.Smooth(rule)).ToArray())],
        };

        void Try(SearchSpec settings)
        {
            progress(number, trials);
            using var searching = model.WithSettings(manifest with { Search = settings }, Searching);
            var searched = new Candidate(number, settings, all.Sets, choosesAcceptance: true)
            {
                Energies = all.Energies(searching, cancellationToken),
            };
            all.Search(searching, searched, count, cancellationToken);
            var candidate = new Candidate(number++, searched) { IsSmooth = true, FreeLoss = FreeLossOf(searched), LossWeight = LossWeight };
            var found = candidate.Score(searching.Plan.Usual);
            if (best.Trial is null || found.Score > best.Trial.Score + 1e-9) best = (candidate, found);
        }
    }

    /// <summary>Judges a bundle on undeformed images, on each family with maps that nothing was chosen on, and on a family that is
    /// new.</summary>
    public IReadOnlyList<EvaluationResult> Evaluate(string bundle, TimeSpan time, int? images, Action<int, int> progress)
    {
        Shortage = null;
        using var model = EquivariantModel.Load(bundle, new EquivariantOptions { Execution = options.Execution, Seed = options.Seed });
        string[] families = ["none", .. options.Families, .. options.Families.Contains(options.Unseen) ? [] : new[] { options.Unseen }];
        var (data, check) = Data(model, int.MaxValue);
        var count = check.Usable.Count;
        var results = new List<EvaluationResult>();
        foreach (var family in families)
        {
            var evaluator = new Evaluator(model, new EvaluationOptions
            {
                Deformation = Deformation.Create(family), Seed = unchecked(options.Seed + 101), Batch = Batch, MeasuresInvariance = false,
                Task = TaskOf(model),
            });
            if (images is { } given)
            {
                count = Math.Min(given, check.Usable.Count);
            }
            else if (results.Count == 0)
            {
                // The first few tell how many can be looked at.
                var (one, spent) = Timed(Math.Min(count, Fewest), time, few => _ = evaluator.Run(
                    data, check with { Usable = [.. check.Usable.Take(few)] }, null, cancellationToken));
                var least = Math.Min(count, FewestJudged);
                count = Within(
                    time - spent, time - spent, options.Time, one * families.Length, least, Math.Min(Most, count));
                Shortage = ShortageOf(count, least);
            }

            var done = results.Count * count;
            results.Add(evaluator.Run(
                data, check with { Usable = [.. check.Usable.Take(count)] },
                new Steps(value => progress(done + (int)value.Done, count * families.Length)), cancellationToken));
        }

        Measure = results[0].Summary.Columns.Count > 0 ? results[0].Summary.Columns[0].Heading : "score";
        return results;
    }

    /// <summary>The figures of a family.</summary>
    public static FitFigure FigureOf(EvaluationResult result)
    {
        var gains = result.Samples.Select(sample => sample.Diffeonn.Metric - sample.Naive.Metric).ToList();
        return new FitFigure(
            result.Summary.Deform, gains.Count, result.Samples.Average(sample => sample.Clean.Metric),
            result.Samples.Average(sample => sample.Naive.Metric), result.Samples.Average(sample => sample.Diffeonn.Metric), ErrorOf(gains),
            result.Samples.Average(sample => sample.Canonicalisation.Accepted ? 1.0 : 0.0));
    }

    /// <summary>Standard error of the mean.</summary>
    private static double ErrorOf(IReadOnlyList<double> values)
    {
        if (values.Count < 2) return 0;
        var mean = values.Average();
        return Math.Sqrt(values.Sum(value => (value - mean) * (value - mean)) / (values.Count - 1) / values.Count);
    }

    /// <summary>Weights that fit the scale of the energies: the critic varies as much over undeformed images as the autoencoder's
    /// term.</summary>
    private BundleManifest Scaled(EquivariantModel model)
    {
        var manifest = model.Bundle.Manifest;
        var some = Enumerable.Range(0, Math.Min(heldOut.Count, 4 * Batch)).Select(i => heldOut.Read(i).Image).ToList();
        double Spread(SearchSpec settings)
        {
            using var weighted = model.WithSettings(manifest with { Search = settings });
            var energies = weighted.Energies(some, cancellationToken).Select(energy => (double)energy).Where(double.IsFinite).ToList();
            var mean = energies.DefaultIfEmpty(0).Average();
            return Math.Sqrt(energies.Sum(energy => (energy - mean) * (energy - mean)) / Math.Max(1, energies.Count - 1));
        }

        var search = manifest.Search;
        if (!model.Bundle.Has(BundleRole.Critic)) return manifest;
        var (vae, critic) = (Spread(search with { Adversarial = 0 }), Spread(search with { Vae = 0, Adversarial = 1 }));
        var weight = critic > 0 && double.IsFinite(vae / critic) ? double.Parse((vae / critic).ToString("G3")) : 0;
        return manifest with { Search = search with { Adversarial = weight } };
    }

    private IReadOnlyDictionary<string, double> Named(IEnumerable<double> values) =>
        options.Families.Zip(values).ToDictionary(pair => pair.First, pair => pair.Second, StringComparer.Ordinal);

    private EvaluationTask TaskOf(EquivariantModel model) => hasTruth ? EvaluationTask.Of(model) : EvaluationTask.OfAgreement(model);

    private (IEvaluationData Data, DataCheck Check) Data(EquivariantModel model, int count)
    {
        var data = hasTruth ? heldOut : new AgreementData(model, heldOut);
        return (data, new DataCheck([.. Enumerable.Range(0, Math.Min(count, data.Count))], []));
    }

    /// <summary>Images of each set that fit into a time, by a look at the first few.</summary>
    private int Affordable(
        EquivariantModel model, TuningData data, BundleManifest manifest, (TimeSpan Share, TimeSpan Left) time, int runs, int most)
    {
        // A choice among a handful says nothing.
        var least = Math.Min(data.Count, options.Time < Short ? Fewest : most == Quick ? FewestQuick : FewestFinal);
        using var searching = model.WithSettings(manifest, Searching);
        var (one, spent) = Timed(Math.Min(data.Count, Fewest), time.Share, few => data.Search(
            searching, new Candidate(0, manifest.Search, data.Sets, choosesAcceptance: true), few, cancellationToken));
        var count = Within(
            time.Share - spent, time.Left - spent, options.Time, one / data.Sets * runs, least, Math.Min(most, data.Count));
        Shortage = ShortageOf(count, least);
        return count;
    }

    /// <summary>Times a look at some images: seconds of one, and how long it took.</summary>
    private static (double One, TimeSpan Spent) Timed(int images, TimeSpan time, Action<int> look)
    {
        var begin = Stopwatch.GetTimestamp();
        var first = Math.Min(FirstLook, images);
        look(first);
        var one = Stopwatch.GetElapsedTime(begin).TotalSeconds / first;
        // The first run of a graph takes several times as long as those that follow: another look tells, where there is time for one.
        if (one * images < time.TotalSeconds)
        {
            var start = Stopwatch.GetTimestamp();
            look(images);
            one = Stopwatch.GetElapsedTime(start).TotalSeconds / images;
        }

        return (one, Stopwatch.GetElapsedTime(begin));
    }

    /// <summary>Images that fit into a share of the time. Where that is fewer than tell anything, the share may grow a little; what
    /// does not fit even so is left out.</summary>
    /// <param name="share">Of the time, for this.</param>
    /// <param name="left">Of the fit's whole time.</param>
    /// <param name="all">The fit's whole time.</param>
    /// <param name="one">Seconds of an image.</param>
    /// <param name="least">Images that tell something.</param>
    /// <param name="most">Images that there are, or that are worth while.</param>
    internal static int Within(TimeSpan share, TimeSpan left, TimeSpan all, double one, int least, int most)
    {
        const double growth = 1.5, ofLeft = 0.25, ofAll = 0.05;
        var count = (int)Math.Clamp(share.TotalSeconds / one, 0, most);
        if (count >= least) return count;
        var stretched = Math.Max(growth * share.TotalSeconds, Math.Max(ofLeft * left.TotalSeconds, ofAll * all.TotalSeconds));
        return (int)Math.Clamp(stretched / one, Math.Min(least, FitImages.FewestHeldOut), least);
    }

    /// <summary>What is to be said of so many images; null where they are enough.</summary>
    private static string? ShortageOf(int count, int least) => count >= least ? null : FormattableString.Invariant(
        $"The time leaves {count} images of each family to look at, where {least} are the least that a choice or a verdict rests on; more ")
        + "time tells more.";

    private static double FreeLossOf(Candidate searched)
    {
        double[] alone = [.. searched.Outcomes.Select(set => set.Average(outcome => outcome.Alone))];
        return alone.All(value => value <= 0) ? FreeShareOfGap * Math.Max(0, alone[0] - alone[^1]) : FreeLoss;
    }

    private static Acceptance RuleOf(SearchSpec settings, EquivariantModel model)
    {
        using var deciding = model.WithSettings(model.Bundle.Manifest with { Search = settings });
        return new Acceptance(deciding.Plan.Usual);
    }

    private EquivariantOptions Searching(EquivariantOptions present) =>
        new() { Execution = present.Execution, Accept = AcceptanceRule.Always, Seed = options.Seed };

    private sealed class Steps(Action<EvaluationProgress> report) : IProgress<EvaluationProgress>
    {
        public void Report(EvaluationProgress value) => report(value);
    }
}
