using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Tests.Search;

/// <summary>Who is heard first, setting by setting.</summary>
public sealed class SearchPlanTests
{
    private static readonly SearchSpec Bundle = new() { Vae = 1, Steps = 5, Lattice = 6, Smoothness = 7, MinimumDecrease = 0.1 };

    [Test]
    public void Caller_CountsMoreThanBundleThanDefaults()
    {
        var plan = SearchPlan.Resolve(Subject(Bundle), new SearchSpec { Steps = 8, Vae = 2 });
        Assert.That((plan.FromIdentity.Steps, plan.FromIdentity.Vae, plan.FromIdentity.Lattice, plan.FromIdentity.Patience),
            Is.EqualTo((8, 2.0, 6, 20)));
        Assert.That(plan.FromProposal, Is.EqualTo(plan.FromIdentity with { JudgesStart = true }));
        Assert.That(SearchSpec.Settings.Where(setting => setting.Default is not null && setting.Text(setting.Default) != "auto"),
            Is.All.Matches<SearchSetting>(setting => plan.FromIdentity.Says(setting!)), "all is said");
    }

    [Test]
    public void Refinement_CountsFromTheProposalOnlyAndLessThanTheCaller()
    {
        var bundle = Bundle with { Refinement = new SearchSpec { Steps = 0, Smoothness = 9 } };
        var plan = SearchPlan.Resolve(Subject(bundle), new SearchSpec { Smoothness = 3, Refinement = new SearchSpec { Lattice = 4 } });
        Assert.That((plan.FromIdentity.Steps, plan.FromIdentity.Smoothness, plan.FromIdentity.Lattice), Is.EqualTo((5, 3.0, 6)));
        Assert.That((plan.FromProposal.Steps, plan.FromProposal.Smoothness, plan.FromProposal.Lattice), Is.EqualTo((0, 3.0, 4)));
        Assert.That(plan.Usual, Is.EqualTo(plan.FromProposal));
        Assert.That(SearchPlan.Resolve(Subject(bundle, hasProposer: false)).Usual.Steps, Is.EqualTo(5));
        Assert.That(plan.ToJson()["refinement"]!.ToJsonString(), Is.EqualTo("{\"lattice\":4,\"steps\":0}"));
        Assert.That(plan.ToJson()["steps"]!.GetValue<int>(), Is.EqualTo(5));
    }

    [Test]
    public void PublishedRecipe_TakesThePlaceOfTheBundle()
    {
        var bundle = Bundle with { Start = StartPoint.Multi, Refinement = new SearchSpec { Steps = 0 }, Orientation = 100 };
        var plan = SearchPlan.Resolve(Subject(bundle), new SearchSpec { Seed = 4 }, SearchPreset.Published);
        Assert.That(plan.FromProposal, Is.EqualTo((PublishedSettings.Search with { Seed = 4 }).Complete()));
        Assert.That((plan.Preset, plan.Start, plan.AsksProposer), Is.EqualTo((SearchPreset.Published, StartPoint.Identity, false)));
        Assert.That(() => SearchPlan.Resolve(Subject(bundle) with { HasPublishedEnergy = false }, null, SearchPreset.Published),
            Throws.TypeOf<SearchException>().With.Message.EqualTo(
                "Bundle 'tiny' has neither a VAE nor a critic, whose energies the published recipe minimises."));
    }

    [TestCase(null, true, StartPoint.Proposer, true)]
    [TestCase(null, false, StartPoint.Identity, false)]
    [TestCase(StartPoint.Identity, true, StartPoint.Identity, false)]
    [TestCase(StartPoint.Multi, false, StartPoint.Multi, false)]
    [TestCase(StartPoint.Multi, true, StartPoint.Multi, true)]
    public void Start_IsWhereThereIsAProposerTheProposal(StartPoint? said, bool hasProposer, StartPoint start, bool asks)
    {
        var bundle = Bundle with { Start = said ?? StartPoint.Auto };
        var plan = SearchPlan.Resolve(Subject(bundle, hasProposer));
        Assert.That((plan.Start, plan.AsksProposer), Is.EqualTo((start, asks)));
        Assert.That(SearchPlan.Resolve(Subject(bundle, hasProposer), new SearchSpec { Start = StartPoint.Identity }).Start,
            Is.EqualTo(StartPoint.Identity));
    }

    [Test]
    public void StartAtAProposalThatIsNotThere_IsRefused() => Assert.That(
        () => SearchPlan.Resolve(Subject(Bundle, hasProposer: false), new SearchSpec { Start = StartPoint.Proposer }),
        Throws.TypeOf<SearchException>().With.Message.EqualTo(
            "Bundle 'tiny' has no proposer to start from; start at the identity, or add the role proposer."));

    [Test]
    public void ValuesOutOfRange_AreRefusedByName()
    {
        Assert.That(() => SearchPlan.Resolve(Subject(Bundle), new SearchSpec { Passes = 0 }),
            Refusal("passes is 0; expected a whole number from 1 to 100."));
        Assert.That(() => SearchPlan.Resolve(Subject(Bundle with { Lattice = 1 })),
            Refusal("lattice is 1; expected a whole number from 2 to 65536, or 0 (one node a pixel)."));
        Assert.That(() => SearchPlan.Resolve(Subject(Bundle with { Refinement = new SearchSpec { Steps = -1 } })),
            Refusal("refinement.steps is -1; expected a whole number of at least 0."));
        Assert.That(() => SearchPlan.Resolve(Subject(Bundle), new SearchSpec { Refinement = new SearchSpec { Passes = 2 } }),
            Refusal("passes is the same wherever a search starts; a refinement takes vae, adversarial, energy, entropy, "));
        Assert.That(() => SearchPlan.Resolve(Subject(Bundle), new SearchSpec { MultiStart = new MultiStartOptions { Scales = [] } }),
            Refusal("multiStart is 5 rotations x 0 scales, 2 refined; expected rotations and scales, one of each at least"));

        static NUnit.Framework.Constraints.Constraint Refusal(string text) =>
            Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.StartsWith($"Search setting {text}");
    }

    private static SearchSubject Subject(SearchSpec settings, bool hasProposer = true) => new("tiny", settings, hasProposer, true);
}
