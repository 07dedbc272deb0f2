using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tests.Bundles;
using DiffeoNN.Onnx.Tuning;

namespace DiffeoNN.Onnx.Tests.Tuning;

/// <summary>What is drawn around given settings.</summary>
public sealed class SettingsSamplerTests
{
    private static readonly SearchSpec Search = new() { Steps = 40, LearningRate = 0.01, Lattice = 6, Smoothness = 300 };

    private static readonly SearchSetting Steps = SearchSpec.Settings.Single(setting => setting.Name == "steps");
    private static readonly SearchSetting Smoothness = SearchSpec.Settings.Single(setting => setting.Name == "smoothness");

    [TestCase(false, 8, 10, 4, 2.5, 1.75)]
    [TestCase(true, 2, 2, 1.5, 1.5, 1.25)]
    public void Draw_StaysWithinItsFactorsAndReachesThem(
        bool narrow, double weight, double smoothness, double rate, double steps, double lattice)
    {
        using var tiny = new TinyBundle();
        var settings = tiny.Load().Manifest.Search;
        var drawn = Draw(tiny, settings, StartPoint.Identity, narrow);
        double[] Ratios(Func<SearchSpec, double> value, double before) => [.. drawn.Select(item => value(item) / before)];
        using (Assert.EnterMultipleScope())
        {
            AssertSpread(Ratios(item => item.Adversarial, settings.Adversarial), weight, "adversarial");
            AssertSpread(Ratios(item => item.Beta, settings.Beta), weight, "beta");
            AssertSpread(Ratios(item => item.Energy, settings.Energy), weight, "energy");
            AssertSpread(
                [.. drawn.Where(item => item.Smoothness != settings.Smoothness).Select(item => item.Smoothness / 300)],
                smoothness, "smoothness");
            AssertSpread([.. drawn.Where(item => item.LearningRate != settings.LearningRate)
                .Select(item => item.LearningRate / 0.01)], rate, "rate");
            AssertSpread([.. drawn.Where(item => item.Steps != settings.Steps)
                .Select(item => item.Steps / 40.0)],
                steps, "steps");
            AssertSpread([.. drawn.Where(item => item.Lattice != settings.Lattice)
                .Select(item => item.Lattice / 6.0)],
                lattice, "lattice");
            Assert.That(drawn.Select(item => (item.Vae, item.Orientation)), Is.All.EqualTo((0.5, 1.0)),
                "ratios alone matter");
            Assert.That(drawn.Select(item => item.Refinement), Is.All.Null);
            Assert.That(drawn, Has.None.EqualTo(settings));
        }
    }

    [Test]
    public void Draw_OfASearchThatIsOneOfSeveralMembers_ChangesItsWeight_AndThatOfTheEntropy()
    {
        using var tiny = new TinyBundle();
        var settings = tiny.Load().Manifest.Search with
        {
            Average = true, Refinement = new SearchSpec { Steps = 20, Entropy = 100 },
        };
        var drawn = Draw(tiny, settings, StartPoint.Proposer, narrow: false, Search with { Steps = 20, Entropy = 100 });
        Assert.That(drawn.Where(item => item.Refinement!.Steps > 0).Select(item => item.SearchWeight).Distinct(),
            Is.EquivalentTo(new[] { 1.0, 2, 3, 5 }));
        Assert.That(drawn.Where(item => item.Refinement!.Steps == 0).Select(item => item.SearchWeight), Is.All.EqualTo(1));
        Assert.That(drawn.Select(item => item.Refinement!.Entropy), Is.All.InRange(12.5, 800));
        Assert.That(drawn.Select(item => item.Refinement!.Entropy).Distinct().Count(), Is.GreaterThan(20));
        Assert.That(drawn.Select(item => item.Entropy), Is.All.Zero, "not of searches from the identity");
    }

    [Test]
    public void Draw_FromTheProposal_ChangesTheRefinement()
    {
        using var tiny = new TinyBundle();
        var settings = tiny.Load().Manifest.Search;
        var drawn = Draw(tiny, settings, StartPoint.Proposer, narrow: false);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(
                drawn.Select(item => item with { Adversarial = 1, Beta = 1, Energy = 1, IdentityWeight = 1, Refinement = null }),
                Is.All.EqualTo(settings with { Adversarial = 1, Beta = 1, Energy = 1, IdentityWeight = 1 }));
            Assert.That(drawn.Select(item => item.IdentityWeight).Distinct(), Is.EquivalentTo(new[] { 0, 0.5, 1, 2, 4 }));
            Assert.That(drawn.Select(item => item.SearchWeight), Is.All.EqualTo(1), "only the search's answer counts");
            Assert.That(drawn.Count(item => item.Refinement?.Steps == 0), Is.InRange(5, 60), "the proposal alone is tried, too");
            Assert.That(drawn.Count(item => item.Refinement?.Says(Smoothness) == true), Is.InRange(200, 300));
        }

        Assert.That(Draw(tiny, settings, StartPoint.Proposer, narrow: true).Count(item => item.Refinement?.Steps == 0), Is.Zero);
        var none = new SettingsSampler(tiny.Load(), StartPoint.Proposer, 1);
        var steps = Enumerable.Range(0, 200).Select(
            i => none.Draw(settings, Search with { Steps = 0 }, i, narrow: true, new HashSet<SearchSpec>()).Refinement)
            .Where(refinement => refinement?.Says(Steps) == true).Select(refinement => refinement!.Steps).ToList();
        Assert.That(steps, Is.Not.Empty.And.All.InRange(12, 30), "from no steps back to some");
    }

    [TestCase("vae")]
    [TestCase("critic")]
    [TestCase("energy")]
    public void Draw_OfASingleTerm_LeavesItsWeight(string role)
    {
        using var tiny = new TinyBundle();
        tiny.Keep(role);
        var settings = tiny.Load().Manifest.Search;
        var drawn = Draw(tiny, settings, StartPoint.Identity, narrow: false);
        Assert.That(drawn.Select(item => (item.Vae, item.Adversarial, item.Energy)).Distinct().Count(), Is.EqualTo(1));
        Assert.That(drawn.Select(item => item.Beta).Distinct().Count(), role == "vae" ? Is.GreaterThan(100) : Is.EqualTo(1));
    }

    [Test]
    public void Draw_OfTheSameNumber_IsTheSame()
    {
        using var tiny = new TinyBundle();
        var settings = tiny.Load().Manifest.Search;
        var first = Draw(tiny, settings, StartPoint.Identity, narrow: false);
        Assert.That(Draw(tiny, settings, StartPoint.Identity, narrow: false), Is.EqualTo(first));
        Assert.That(first.Distinct().Count(), Is.EqualTo(500), "each once");
    }

    private static SearchSpec[] Draw(
        TinyBundle tiny, SearchSpec settings, StartPoint start, bool narrow, SearchSpec? search = null)
    {
        var (sampler, tried) = (new SettingsSampler(tiny.Load(), start, 1), new HashSet<SearchSpec>());
        return [.. Enumerable.Range(0, 500).Select(number => sampler.Draw(settings, search ?? Search, number, narrow, tried))];
    }

    private static void AssertSpread(double[] ratios, double most, string name)
    {
        // Rounded to three digits, steps to multiples of 5, lattices to whole nodes.
        Assert.That(ratios, Is.All.InRange(0.8 / most, 1.1 * most), name);
        Assert.That(ratios.Min(), Is.LessThan(1.15 / most), name);
        Assert.That(ratios.Max(), Is.GreaterThan(0.87 * most), name);
    }
}
