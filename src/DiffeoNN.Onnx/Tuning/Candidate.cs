using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Metrics;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Tuning;

/// <summary>Settings under trial with what is known of them: the outcomes of each image, the undeformed ones first.</summary>
internal sealed class Candidate
{
    /// <summary>Quantiles of the undeformed images' energies up to which an image is left alone, and parts of its energy it must lose;
    /// the first pair is taken where others are no better.</summary>
    private static readonly double?[] Quantiles = [0.85, 0.75, 0.95, 0.5, null];
    private static readonly double[] Decreases = [0.25, 0.1, 0.4, 0];

    private readonly bool _choosesAcceptance;
    private TimeSpan _time;

    /// <summary>Begins a trial.</summary>
    /// <param name="number">Of the trial.</param>
    /// <param name="settings">What is tried.</param>
    /// <param name="sets">Number of sets of images: undeformed and one a deformation.</param>
    /// <param name="choosesAcceptance">Whether the acceptance is chosen by what comes out; else that of the settings counts.</param>
    public Candidate(int number, SearchSpec settings, int sets, bool choosesAcceptance)
    {
        (Number, Settings, _choosesAcceptance) = (number, settings, choosesAcceptance);
        Outcomes = [.. Enumerable.Range(0, sets).Select(_ => new List<Outcome>())];
    }

    /// <summary>The same searches under another acceptance.</summary>
    public Candidate(int number, Candidate searched)
        : this(number, searched.Settings, searched.Outcomes.Count, choosesAcceptance: true) =>
        (Outcomes, Energies, _time) = (searched.Outcomes, searched.Energies, searched._time);

    /// <summary>Of the trial.</summary>
    public int Number { get; }

    /// <summary>What is tried, but for the acceptance.</summary>
    public SearchSpec Settings { get; }

    /// <summary>Whether the score is by metric and rank: few images then say more where answers are right or wrong.</summary>
    public bool IsSmooth { get; init; }

    /// <summary>What undeformed images may lose for nothing, in the metric's unit.</summary>
    public double FreeLoss { get; init; }

    /// <summary>How often what undeformed images lose beyond <see cref="FreeLoss"/> counts besides their share of the score.</summary>
    public double LossWeight { get; init; }

    /// <summary>Of each set, image by image.</summary>
    public IReadOnlyList<List<Outcome>> Outcomes { get; }

    /// <summary>Energies of all undeformed images, rising.</summary>
    public double[] Energies { get; set; } = [];

    /// <summary>Images of each set that were searched.</summary>
    public int Images => Outcomes[0].Count;

    /// <summary>The trial as its outcomes make it.</summary>
    public TuningTrial? Trial { get; private set; }

    /// <summary>Adds the outcomes of some images of a set.</summary>
    public void Add(int set, IEnumerable<Outcome> outcomes, TimeSpan time)
    {
        Outcomes[set].AddRange(outcomes);
        _time += time;
    }

    /// <summary>Scores what is known.</summary>
    public TuningTrial Score(SearchSpec search)
    {
        if (!_choosesAcceptance) return Trial = Scored(Settings, search);
        foreach (var settings in Acceptances())
        {
            var scored = Scored(settings, search);
            if (Trial is null || Trial.Images != Images || scored.Score > Trial.Score + 1e-9) Trial = scored;
        }

        return Trial!;
    }

    private IEnumerable<SearchSpec> Acceptances()
    {
        foreach (var quantile in Quantiles)
        {
            foreach (var decrease in Decreases)
            {
                yield return Settings with
                {
                    CanonicalBelow = quantile is { } share && Energies.Length > 0
                        ? Rounded(SummaryStatistics.Quantile(Energies, share))
                        : null,
                    MinimumDecrease = decrease,
                };
            }
        }
    }

    private TuningTrial Scored(SearchSpec settings, SearchSpec search)
    {
        var asked = SearchPlan.OfBundle(settings);
        var rule = new Acceptance(search with
        {
            Accept = AcceptanceRule.Checked,
            CanonicalBelow = asked.CanonicalBelow,
            MinimumDecrease = asked.MinimumDecrease,
        });
        double[] means = [.. Outcomes.Select(set => set.Average(outcome => outcome.Metric(rule)))];
        double[] used = [.. Outcomes.Select(set => set.Count(outcome => outcome.IsUsedBy(rule)) / (double)set.Count)];
        var scores = IsSmooth ? [.. Outcomes.Select(set => set.Average(outcome => outcome.Smooth(rule)))] : means;
        var lost = Outcomes[0].Average(outcome => outcome.Alone) - means[0];
        var penalty = LossWeight * Math.Max(0, lost - FreeLoss);
        return new TuningTrial(
            Number, settings, Images, (0.5 * (scores[0] + scores[1..].Average())) - penalty, means[0], means[1..],
            used[0], used[1..].Average(), _time.TotalSeconds / (Images * Outcomes.Count));
    }

    /// <summary>Four digits: what is scored is what is written.</summary>
    private static double Rounded(double value) => double.Parse(value.ToString("G4"));
}
