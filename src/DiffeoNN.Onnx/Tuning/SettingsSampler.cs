using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.RandomNumbers;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Tuning;

/// <summary>Draws settings near given ones.</summary>
/// <param name="bundle">What there is to tune: a weight of zero stays zero, and so does the first weight of the energy,
/// since only ratios matter.</param>
/// <param name="start">Where the bundle's searches start: what differs from the proposal goes into the refinement.</param>
/// <param name="seed">Trial i is drawn from (seed, i).</param>
internal sealed class SettingsSampler(Bundle bundle, StartPoint start, ulong seed)
{
    /// <summary>Below these and above, a search is no use or no longer one.</summary>
    private const int LeastLattice = 3, MostLattice = 64, MostSteps = 500;

    /// <summary>Steps where there were none: what a refinement usually takes.</summary>
    private const int SomeSteps = 20;

    private static readonly double[] IdentityWeights = [0, 0.5, 1, 2, 4];
    private static readonly double[] SearchWeights = [1, 2, 3, 5];

    private readonly int _side = Math.Max(bundle.Image.Height, bundle.Image.Width);

    /// <summary>Draws settings that differ from those given; each quantity changes in about half of the draws.</summary>
    /// <param name="settings">Where to draw around.</param>
    /// <param name="search">How searches go on under these settings.</param>
    /// <param name="number">Of the trial.</param>
    /// <param name="narrow">Whether to stay close.</param>
    /// <param name="tried">What was drawn before and is not drawn again; takes what is drawn.</param>
    public SearchSpec Draw(SearchSpec settings, SearchSpec search, int number, bool narrow, ISet<SearchSpec> tried)
    {
        var random = SplitMix64.ForItem(seed, number);
        while (true)
        {
            var drawn = Try(settings, search, random, narrow);
            if (drawn != settings && tried.Add(drawn)) return drawn;
        }
    }

    private SearchSpec Try(SearchSpec settings, SearchSpec search, SplitMix64 random, bool narrow)
    {
        var hasVae = bundle.Has(BundleRole.Vae) && settings.Vae > 0;
        var hasCritic = bundle.Has(BundleRole.Critic) && settings.Adversarial > 0;
        // Every number is drawn whether it is used or not: trials of one seed then differ in what they must, and no more.
        var beta = Scaled(settings.Beta, narrow ? 2 : 8);
        var adversarial = Scaled(settings.Adversarial, narrow ? 2 : 8);
        var own = Scaled(settings.Energy, narrow ? 2 : 8);
        var smoothness = Scaled(search.Smoothness > 0 ? search.Smoothness : 1, narrow ? 2 : 10);
        var rate = Scaled(search.LearningRate, narrow ? 1.5 : 4);
        var steps = Steps();
        var lattice = Lattice();
        var entropy = Scaled(search.Entropy, narrow ? 2 : 8);
        var identity = OneOf(settings.IdentityWeight, IdentityWeights);
        var member = OneOf(settings.SearchWeight, SearchWeights);
        var weights = new SearchSpec();
        if (hasVae && beta is { } ofDivergence) weights = weights with { Beta = ofDivergence };
        if (hasVae && hasCritic && adversarial is { } ofCritic) weights = weights with { Adversarial = ofCritic };
        if (bundle.Has(BundleRole.Energy) && (hasVae || hasCritic) && own is { } ofOwn) weights = weights with { Energy = ofOwn };
        if (identity is { } ofIdentity) weights = weights with { IdentityWeight = ofIdentity };
        var other = new SearchSpec();
        if (entropy is { } ofAnswers) other = other with { Entropy = ofAnswers };
        if (smoothness is { } penalty) other = other with { Smoothness = penalty };
        if (steps is { } most) other = other with { Steps = most };
        if (rate is { } size) other = other with { LearningRate = size };
        if (lattice is { } nodes) other = other with { Lattice = nodes };
        if (start == StartPoint.Proposer && settings.Average && (steps ?? search.Steps) > 0 && member is { } ofSearch)
            weights = weights with { SearchWeight = ofSearch };
        if (start != StartPoint.Proposer) return other.Over(weights).Over(settings) with { Refinement = settings.Refinement };
        var refinement = other == new SearchSpec() ? settings.Refinement : other.Over(settings.Refinement);
        return weights.Over(settings) with { Refinement = refinement };

        // Null where the quantity stays as it is.
        double? Scaled(double value, double most)
        {
            var (changes, exponent) = (random.Uniform() < 0.5, random.Uniform(-1, 1));
            return changes && value > 0 && Rounded(value * Math.Pow(most, exponent)) is var drawn && drawn != value ? drawn : null;
        }

        double? OneOf(double value, double[] all)
        {
            var (changes, drawn) = (random.Uniform() < 0.5, all[(int)(random.Uniform() * all.Length)]);
            return changes && drawn != value ? drawn : null;
        }

        int? Steps()
        {
            var (changes, exponent, none) = (random.Uniform() < 0.5, random.Uniform(-1, 1), random.Uniform() < 0.15);
            var wanted = (search.Steps == 0 ? SomeSteps : search.Steps) * Math.Pow(narrow ? 1.5 : 2.5, exponent);
            var drawn = none && !narrow && start == StartPoint.Proposer
                ? 0
                : Math.Clamp(wanted < 20 ? (int)Math.Round(wanted) : 5 * (int)Math.Round(wanted / 5), 1, MostSteps);
            return changes && drawn != search.Steps ? drawn : null;
        }

        int? Lattice()
        {
            var (changes, exponent) = (random.Uniform() < 0.5, random.Uniform(-1, 1));
            var drawn = Math.Clamp(
                (int)Math.Round(search.Lattice * Math.Pow(narrow ? 1.25 : 1.75, exponent)), LeastLattice,
                Math.Max(LeastLattice, Math.Min(MostLattice, _side)));
            return changes && drawn != search.Lattice ? drawn : null;
        }
    }

    /// <summary>Three digits: what people write into a manifest.</summary>
    private static double Rounded(double value)
    {
        var unit = Math.Pow(10, Math.Floor(Math.Log10(value)) - 2);
        return double.Parse((Math.Round(value / unit) * unit).ToString("G3"));
    }
}
