using System.Text.Json.Nodes;

namespace DiffeoNN.Onnx.Search;

/// <summary>How a bundle's images are searched: every setting, once all were heard.</summary>
/// <remarks>Runs, <c>info</c>, <c>results.jsonl</c>, evaluations and the tuner read their settings here and nowhere else.</remarks>
public sealed record SearchPlan
{
    private SearchPlan(SearchSpec fromIdentity, SearchSpec fromProposal) =>
        (FromIdentity, FromProposal) = (fromIdentity, fromProposal);

    /// <summary>Whose settings count where the caller says nothing.</summary>
    public required SearchPreset Preset { get; init; }

    /// <summary>Whether a proposer takes part in the start of searches.</summary>
    public required bool AsksProposer { get; init; }

    /// <summary>How a search goes on from the identity; says all there is to say.</summary>
    public SearchSpec FromIdentity { get; private init; }

    /// <summary>How a search goes on from a proposal; differs from <see cref="FromIdentity"/> in what can be refined.</summary>
    public SearchSpec FromProposal { get; private init; }

    /// <summary>Where searches start; never <see cref="StartPoint.Auto"/>.</summary>
    public StartPoint Start => FromIdentity.Start;

    /// <summary>How often the proposer is asked, each further time for what is left.</summary>
    public int Passes => FromIdentity.Passes;

    /// <summary>Whether answers are the mean over the maps of all passes of the proposer and of the search,
    /// instead of those of the last.</summary>
    public bool Average => FromIdentity.Average;

    /// <summary>What <see cref="StartPoint.Multi"/> tries.</summary>
    public MultiStartOptions MultiStart => FromIdentity.MultiStart;

    /// <summary>Where searches start at several points, how many of these lead from the identity; those after them lead from the
    /// proposal.</summary>
    public int StartsFromIdentity => MultiStart.Rotations.Count * MultiStart.Scales.Count;

    /// <summary>How the searches that the bundle does by default go on: from the proposal where they start there.</summary>
    public SearchSpec Usual => Start == StartPoint.Proposer ? FromProposal : FromIdentity;

    /// <summary>Whether the entropy of answers is a term of the energy that judges, or of one that is minimised.</summary>
    internal bool WeighsEntropy => FromIdentity.Entropy > 0 || (MayWeighEntropy && FromProposal.Steps > 0);

    /// <summary>Whether it would be one if more steps were taken.</summary>
    internal bool MayWeighEntropy => FromIdentity.Entropy > 0 || (AsksProposer && FromProposal.Entropy > 0);

    /// <summary>Brings together what was said: the caller counts more than the preset (the bundle, or the published recipe), which counts
    /// more than the defaults. In searches from a proposal, what caller or preset say in their refinement counts more than what they say
    /// themselves. A bundle that does not say when a map helps asks for <see cref="SearchSpec.SafeDecrease"/>.</summary>
    /// <param name="subject">What is searched.</param>
    /// <param name="caller">What the caller says.</param>
    /// <param name="preset">Who is asked second.</param>
    /// <exception cref="ArgumentOutOfRangeException">A setting is outside its range.</exception>
    /// <exception cref="SearchException">The bundle lacks what is asked for.</exception>
    public static SearchPlan Resolve(SearchSubject subject, SearchSpec? caller = null, SearchPreset preset = SearchPreset.Bundle)
    {
        ArgumentNullException.ThrowIfNull(subject);
        caller ??= new SearchSpec();
        if (preset == SearchPreset.Published && !subject.HasPublishedEnergy)
            throw new SearchException(
                $"Bundle '{subject.Name}' has neither a VAE nor a critic, whose energies the published recipe minimises.");
        var second = preset == SearchPreset.Published ? PublishedSettings.Search : OfBundle(subject.Settings);
        caller.Validate();
        second.Validate();
        var fromIdentity = caller.Over(second);
        var start = fromIdentity.Start != StartPoint.Auto ? fromIdentity.Start
            : subject.HasProposer ? StartPoint.Proposer : StartPoint.Identity;
        if (start == StartPoint.Proposer && !subject.HasProposer)
            throw new SearchException(
                $"Bundle '{subject.Name}' has no proposer to start from; start at the identity, or add the role proposer.");
        var fromProposal = (caller.Refinement ?? new SearchSpec()).Over(caller).Over(second.Refinement).Over(second);
        var (identity, proposal) = ((fromIdentity with { Start = start }).Complete(), (fromProposal with { Start = start }).Complete());
        return new SearchPlan(identity, proposal with
        {
            Judge = proposal.WeighsAs(identity) ? null : identity,
            // Steps lower the energy of any image, deformed or not: what a proposal gains tells.
            JudgesStart = start == StartPoint.Proposer,
        })
        {
            Preset = preset,
            AsksProposer = subject.HasProposer && start != StartPoint.Identity,
        };
    }

    /// <summary>The same with what computes fields: <see cref="FieldEngine.Auto"/> is decided where the device is known.</summary>
    internal SearchPlan WithFields(FieldEngine fields) => this with
    {
        FromIdentity = FromIdentity with { Fields = fields },
        FromProposal = FromProposal with { Fields = fields },
    };

    /// <summary>All settings by their words; what differs from a proposal in <c>refinement</c>.</summary>
    public JsonObject ToJson()
    {
        var json = FromIdentity.ToJson(_ => true);
        var refinement = FromProposal.ToJson(setting => !Equals(FromProposal.Value(setting), FromIdentity.Value(setting)));
        if (refinement.Count > 0) json["refinement"] = refinement;
        return json;
    }

    /// <summary>What counts for a bundle: its settings, with <see cref="SearchSpec.SafeDecrease"/> where they do not say when a map helps.
    /// </summary>
    internal static SearchSpec OfBundle(SearchSpec settings) =>
        settings.SaysWhenAMapHelps ? settings : settings with { MinimumDecrease = SearchSpec.SafeDecrease };
}
