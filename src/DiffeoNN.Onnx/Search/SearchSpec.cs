using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Fields;

namespace DiffeoNN.Onnx.Search;

/// <summary>What a search is told, by a manifest, a preset, a command line, a program or the tuner; change with <c>with</c>.</summary>
/// <remarks>
/// A setting is a property and, below it, its row: word, who may say it, range, default. All else goes by the rows: manifests, precedence
/// (<see cref="SearchPlan"/>), checks, the command line, <c>info</c>, <c>results.jsonl</c>, tuning. What was not said reads as its
/// default, and is still open to whoever is asked next; <see cref="Says"/> tells which. Two are equal where they say the same.
/// </remarks>
public record SearchSpec
{
    /// <summary>The decrease asked for where a manifest says neither <see cref="CanonicalBelow"/> nor <see cref="MinimumDecrease"/>: half.
    /// </summary>
    /// <remarks>A long search bends an image that looks like the training images to please the energy: 16 undeformed shapes lost 0.10 to
    /// 0.32 of theirs in 80 steps from the identity, and each map cost overlap. Deformed by <c>tps</c> they lost 0.36 to 0.72, and each map
    /// gained.</remarks>
    public const double SafeDecrease = 0.5;

    private static readonly List<SearchSetting> Rows = [];
    private SettingValues _said = SettingValues.None;

    /// <summary>All settings, in the order in which they are written.</summary>
    public static IReadOnlyList<SearchSetting> Settings => Rows;

    /// <summary>What differs in searches that start at a proposal; only settings that are <see cref="SearchSetting.IsRefinable"/>.
    /// Null for nothing.</summary>
    public SearchSpec? Refinement { get; init; }

    /// <summary>Whose weights say whether a map helps; null for these.</summary>
    internal SearchSpec? Judge { get; init; }

    /// <summary>Whether a map is judged by the energy that its search started with, where that is higher.</summary>
    internal bool JudgesStart { get; init; }

    /// <summary>Whether somebody said when a map helps; until then a bundle's maps have <see cref="SafeDecrease"/> to show.</summary>
    public bool SaysWhenAMapHelps => Says(CanonicalBelowRow) || Says(MinimumDecreaseRow);

    /// <summary>Weight of the VAE term, at least 0.</summary>
    public double Vae { get => Of(VaeRow); init => Say(VaeRow, value); }
    private static readonly TypedSetting<double> VaeRow =
        Row(new TypedSetting<double>("vae", SettingKinds.NonNegative, SearchSection.Energy, 0) { IsRefinable = true, NeededBy = "vae" });

    /// <summary>Weight of the divergence inside the VAE term, at least 0.</summary>
    public double Beta { get => Of(BetaRow); init => Say(BetaRow, value); }
    private static readonly TypedSetting<double> BetaRow =
        Row(new TypedSetting<double>("beta", SettingKinds.NonNegative, SearchSection.Energy, 0) { NeededBy = "vae" });

    /// <summary>Weight of the adversarial term, at least 0.</summary>
    public double Adversarial { get => Of(AdversarialRow); init => Say(AdversarialRow, value); }
    private static readonly TypedSetting<double> AdversarialRow =
        Row(new TypedSetting<double>("adversarial", SettingKinds.NonNegative, SearchSection.Energy, 0)
        { IsRefinable = true, NeededBy = "critic" });

    /// <summary>Weight of the user's own energy, at least 0.</summary>
    public double Energy { get => Of(EnergyRow); init => Say(EnergyRow, value); }
    private static readonly TypedSetting<double> EnergyRow =
        Row(new TypedSetting<double>("energy", SettingKinds.NonNegative, SearchSection.Energy, 0)
        { IsRefinable = true, NeededBy = "energy" });

    /// <summary>Weight of the entropy of the network's answer, in nats, the mean over its pixels; at least 0.</summary>
    /// <remarks>For the end of a search: from no deformation it leads to answers that are sure and wrong.</remarks>
    public double Entropy { get => Of(EntropyRow); init => Say(EntropyRow, value); }
    private static readonly TypedSetting<double> EntropyRow = Row(
        new TypedSetting<double>("entropy", SettingKinds.NonNegative, SearchSection.Energy, 0) { IsRefinable = true });

    /// <summary>Weight of mean |grad v|^2, at least 0; v's deviation from the starting velocity where one is given.</summary>
    public double Smoothness { get => Of(SmoothnessRow); init => Say(SmoothnessRow, value); }
    private static readonly TypedSetting<double> SmoothnessRow =
        Row(new TypedSetting<double>("smoothness", SettingKinds.NonNegative, SearchSection.Energy, 1) { IsRefinable = true });

    /// <summary>Weight of mean relu(-det J), the penalty on folds, at least 0.</summary>
    public double Orientation { get => Of(OrientationRow); init => Say(OrientationRow, value); }
    private static readonly TypedSetting<double> OrientationRow =
        Row(new TypedSetting<double>("orientation", SettingKinds.NonNegative, SearchSection.Energy, 1) { IsRefinable = true });

    /// <summary>Where searches start.</summary>
    public StartPoint Start { get => Of(StartRow); init => Say(StartRow, value); }
    private static readonly TypedSetting<StartPoint> StartRow = Row(new TypedSetting<StartPoint>(
        "start", SettingKinds.OpenChoice(StartPoint.Auto, ("zero", StartPoint.Identity)), SearchSection.Optimiser, StartPoint.Auto)
    {
        Option = "Where the search starts: identity, proposer, multi (several rotations and scales of both), or auto: as the bundle says, "
            + "else at the proposal where there is a proposer.",
    });

    /// <summary>How the velocity field is parameterised.</summary>
    public FieldKind Field { get => Of(FieldRow); init => Say(FieldRow, value); }
    private static readonly TypedSetting<FieldKind> FieldRow = Row(new TypedSetting<FieldKind>(
        "field", SettingKinds.Choice<FieldKind>(), SearchSection.Optimiser, FieldKind.Siren));

    /// <summary>Nodes of the velocity lattice along the image's longest side, at least 2; 0 for one a pixel. The shorter side gets as many
    /// as keep the cells about square. <see cref="FieldKind.Lattice"/> wants a coarse one, 8 say.</summary>
    /// <remarks>Measured with a sine network on deformed chest images of 128x128: 16 nodes reach the map to 0.11 pixels on average, as do
    /// 24, 32 and 48; 8 reach 0.18. The cost of a step grows with the square.</remarks>
    public int Lattice { get => Of(LatticeRow); init => Say(LatticeRow, value); }
    private static readonly TypedSetting<int> LatticeRow = Row(new TypedSetting<int>(
        "lattice", SettingKinds.WholeOrZero(2, 65536, "one node a pixel"), SearchSection.Optimiser, 16) { IsRefinable = true });

    /// <summary>How often the proposer is asked, 1 to 100: each further time for what is left.</summary>
    public int Passes { get => Of(PassesRow); init => Say(PassesRow, value); }
    private static readonly TypedSetting<int> PassesRow = Row(new TypedSetting<int>(
        "passes", SettingKinds.Whole(1, 100), SearchSection.Optimiser, 1)
    {
        Option = "How often the proposer is asked, each further time for what is left; the bundle's if left out.",
    });

    /// <summary>Whether answers are the mean over the maps of all passes of the proposer and of the search,
    /// instead of those of the last.</summary>
    public bool Average { get => Of(AverageRow); init => Say(AverageRow, value); }
    private static readonly TypedSetting<bool> AverageRow = Row(new TypedSetting<bool>(
        "average", SettingKinds.Truth, SearchSection.Optimiser, false)
    {
        Option = "Whether answers are the mean over the maps of all passes of the proposer and of the search; the bundle's if left out.",
    });

    /// <summary>Weight in the answer's mean of the network's answer for the image as it is, at least 0; a pass of the proposer weighs 1.
    /// With 0 it counts only where no map does.</summary>
    /// <remarks>Networks trained with deformations gain by it; those that were not are wrong about deformed images.</remarks>
    public double IdentityWeight { get => Of(IdentityWeightRow); init => Say(IdentityWeightRow, value); }
    private static readonly TypedSetting<double> IdentityWeightRow = Row(new TypedSetting<double>(
        "identityWeight", SettingKinds.NonNegative, SearchSection.Optimiser, 0));

    /// <summary>Weight in the answer's mean of the answer that a search leads to which goes on from a proposal, positive; a pass of the
    /// proposer weighs 1.</summary>
    public double SearchWeight { get => Of(SearchWeightRow); init => Say(SearchWeightRow, value); }
    private static readonly TypedSetting<double> SearchWeightRow = Row(new TypedSetting<double>(
        "searchWeight", SettingKinds.Positive, SearchSection.Optimiser, 1));

    /// <summary>Largest number of updates an image wherever its search starts, at least 0; 0 uses the start (identity or proposal) alone.
    /// </summary>
    public int Steps { get => Of(StepsRow); init => Say(StepsRow, value); }
    private static readonly TypedSetting<int> StepsRow = Row(new TypedSetting<int>(
        "steps", SettingKinds.Whole(0), SearchSection.Optimiser, 100)
    {
        IsRefinable = true,
        Option = "Largest number of steps; the bundle's if left out.",
    });

    /// <summary>Step size of Adam, positive.</summary>
    public double LearningRate { get => Of(LearningRateRow); init => Say(LearningRateRow, value); }
    private static readonly TypedSetting<double> LearningRateRow = Row(new TypedSetting<double>(
        "learningRate", SettingKinds.Positive, SearchSection.Optimiser, 0.0038926) { IsRefinable = true });

    /// <summary>Least number of squarings, 0 to 20; more are used where the first step would exceed half a pixel.</summary>
    /// <remarks>Fewer are cheaper and less exact: mean inverse residual 0.017, 0.009, 0.005, 0.003 pixels at 4, 5, 6, 7.</remarks>
    public int Squarings { get => Of(SquaringsRow); init => Say(SquaringsRow, value); }
    private static readonly TypedSetting<int> SquaringsRow = Row(new TypedSetting<int>(
        "squarings", SettingKinds.Whole(0, 20), SearchSection.Optimiser, 7));

    /// <summary>An image has converged when its best energy improved by less than this, relative to its size, over
    /// <see cref="Patience"/> steps; at least 0.</summary>
    public double Tolerance { get => Of(ToleranceRow); init => Say(ToleranceRow, value); }
    private static readonly TypedSetting<double> ToleranceRow = Row(new TypedSetting<double>(
        "tolerance", SettingKinds.NonNegative, SearchSection.Optimiser, 1e-4) { IsRefinable = true });

    /// <summary>Steps over which convergence is judged; 0 switches the rule off.</summary>
    public int Patience { get => Of(PatienceRow); init => Say(PatienceRow, value); }
    private static readonly TypedSetting<int> PatienceRow = Row(new TypedSetting<int>(
        "patience", SettingKinds.Whole(0), SearchSection.Optimiser, 20) { IsRefinable = true });

    /// <summary>Energy up to which an image counts as canonical already: it is not optimised and left alone. Null for none; of no effect
    /// with <see cref="AcceptanceRule.Always"/>. It belongs to the networks and weights: new ones ask for a new value.</summary>
    public double? CanonicalBelow { get => Find(CanonicalBelowRow); init => Say(CanonicalBelowRow, value); }
    private static readonly TypedSetting<double> CanonicalBelowRow = Row(new TypedSetting<double>(
        "canonicalBelow", SettingKinds.Finite, SearchSection.Acceptance));

    /// <summary>How much the energy must fall for a map to be used, relative to the size of the image's own, at least 0;
    /// with 0 any decrease will do. The energy's own terms count, not the regularisers.</summary>
    public double MinimumDecrease { get => Of(MinimumDecreaseRow); init => Say(MinimumDecreaseRow, value); }
    private static readonly TypedSetting<double> MinimumDecreaseRow = Row(new TypedSetting<double>(
        "minimumDecrease", SettingKinds.NonNegative, SearchSection.Acceptance, 0));

    /// <summary>Largest inverse residual in pixels of a map that is used, positive.</summary>
    public double InverseResidual { get => Of(InverseResidualRow); init => Say(InverseResidualRow, value); }
    private static readonly TypedSetting<double> InverseResidualRow = Row(new TypedSetting<double>(
        "inverseResidual", SettingKinds.Positive, SearchSection.Acceptance, 1));

    /// <summary>When the map found is used; what is refused is left as it is.</summary>
    public AcceptanceRule Accept { get => Of(AcceptRow); init => Say(AcceptRow, value); }
    private static readonly TypedSetting<AcceptanceRule> AcceptRow = Row(new TypedSetting<AcceptanceRule>(
        "accept", SettingKinds.Choice<AcceptanceRule>(), SearchSection.Caller, AcceptanceRule.Checked)
    {
        Option = "When the map found is used: checked (the energy fell enough; the default) or always; never if it folds.",
    });

    /// <summary>How the velocity is carried from the lattice to the pixels.</summary>
    /// <remarks>The spline costs the same and is measurably smoother: on the same images the largest inverse residual was 0.04 instead of
    /// 0.06 pixels for a sine network on 16x16 nodes, 0.07 instead of 0.33 for an 8x8 control lattice.</remarks>
    public LatticeBasis Basis { get => Of(BasisRow); init => Say(BasisRow, value); }
    private static readonly TypedSetting<LatticeBasis> BasisRow = Row(new TypedSetting<LatticeBasis>(
        "basis", SettingKinds.Choice<LatticeBasis>(), SearchSection.Caller, LatticeBasis.CubicBSpline));

    /// <summary>What the image is outside its border; a bundle says it of its images.</summary>
    public WarpPadding Padding { get => Of(PaddingRow); init => Say(PaddingRow, value); }
    private static readonly TypedSetting<WarpPadding> PaddingRow = Row(new TypedSetting<WarpPadding>(
        "padding", SettingKinds.Choice<WarpPadding>(), SearchSection.Caller, WarpPadding.Zeros));

    /// <summary>What <see cref="StartPoint.Multi"/> tries.</summary>
    public MultiStartOptions MultiStart { get => Of(MultiStartRow); init => Say(MultiStartRow, value); }
    private static readonly TypedSetting<MultiStartOptions> MultiStartRow = Row(new TypedSetting<MultiStartOptions>(
        "multiStart", SettingKinds.Starts, SearchSection.Caller, new MultiStartOptions()));

    /// <summary>Time after which no further step is begun, for the whole batch; null for no limit. Results under a limit depend on the
    /// machine's speed.</summary>
    public TimeSpan? TimeBudget { get => Find(TimeBudgetRow); init => Say(TimeBudgetRow, value); }
    private static readonly TypedSetting<TimeSpan> TimeBudgetRow = Row(new TypedSetting<TimeSpan>(
        "timeBudget", SettingKinds.Seconds, SearchSection.Caller));

    /// <summary>Seed of the velocity field's initial weights; the same for all images.</summary>
    public ulong Seed { get => Of(SeedRow); init => Say(SeedRow, value); }
    private static readonly TypedSetting<ulong> SeedRow = Row(new TypedSetting<ulong>(
        "seed", SettingKinds.Seed, SearchSection.Caller, 1) { Option = "Seed of the search; 1 if left out." });

    /// <summary>What computes fields and their gradients.</summary>
    public FieldEngine Fields { get => Of(FieldsRow); init => Say(FieldsRow, value); }
    private static readonly TypedSetting<FieldEngine> FieldsRow = Row(new TypedSetting<FieldEngine>(
        "fields", SettingKinds.OpenChoice(FieldEngine.Auto), SearchSection.Caller, FieldEngine.Auto)
    {
        Option = "What computes maps and their gradients: torch (libtorch), onnx (graphs in ONNX Runtime, on the device of the networks), "
            + "or auto: onnx where the networks run on a GPU and libtorch has none, else torch.",
    });

    /// <summary>Weight of a term of the energy, which is a setting of the same name.</summary>
    internal double WeightOf(string term) =>
        (double)Value(Rows.Find(setting => setting.Section == SearchSection.Energy && setting.Name == term)
            ?? throw new ArgumentException($"There is no weight '{term}'.", nameof(term)))!;

    /// <summary>Whether all terms of the energy weigh the same.</summary>
    internal bool WeighsAs(SearchSpec other) => Weights == other.Weights;

    /// <summary>The weights of the energy's terms in words.</summary>
    internal string Weights => Text(
        setting => setting.Section == SearchSection.Energy && setting != SmoothnessRow && setting != OrientationRow);

    /// <summary>Whether a setting was said.</summary>
    /// <param name="setting">Which.</param>
    public bool Says(SearchSetting setting) => _said[setting] is not null;

    /// <summary>What was said of a setting, else its default; null where there is none.</summary>
    /// <param name="setting">Which.</param>
    public object? Value(SearchSetting setting)
    {
        ArgumentNullException.ThrowIfNull(setting);
        return _said[setting] ?? setting.Default;
    }

    /// <summary>The same but for one setting.</summary>
    /// <param name="setting">Which.</param>
    /// <param name="value">One of its values; null takes back what was said.</param>
    public SearchSpec With(SearchSetting setting, object? value)
    {
        var changed = this with { };
        changed.Say(setting, value);
        return changed;
    }

    /// <summary>What this says, and where it says nothing, what another says; refinements are left out.</summary>
    /// <param name="other">Is asked second.</param>
    public SearchSpec Over(SearchSpec? other) => new() { _said = other is null ? _said : _said.Over(other._said) };

    /// <summary>All settings said: those that were not, with their defaults.</summary>
    public SearchSpec Complete()
    {
        var defaults = new SearchSpec();
        foreach (var setting in Rows) defaults.Say(setting, setting.Default);
        return Over(defaults);
    }

    /// <summary>What is different from another one, by the settings' words: <c>adversarial 600 -> 450, refinement.steps 15 -> 30</c>.
    /// </summary>
    /// <param name="from">The other one.</param>
    /// <returns>Empty where nothing is.</returns>
    public string ChangesFrom(SearchSpec from)
    {
        ArgumentNullException.ThrowIfNull(from);
        return string.Join(", ", Changes(from, this, "")
            .Concat(Changes(from.Refinement ?? new SearchSpec(), Refinement ?? new SearchSpec(), "refinement.")));
    }

    /// <summary>Settings and their values: <c>steps 80, learningRate 0.04</c>.</summary>
    /// <param name="which">The settings that are told.</param>
    public string Text(Func<SearchSetting, bool> which) => string.Join(
        ", ", Rows.Where(which).Select(setting => $"{setting.Name} {setting.Text(Value(setting))}"));

    /// <summary>What was said, as manifests and results have it.</summary>
    /// <param name="which">The settings that are written.</param>
    public JsonObject ToJson(Func<SearchSetting, bool> which) => new(Rows.Where(which).Where(Says)
        .Select(setting => KeyValuePair.Create<string, JsonNode?>(setting.Name, setting.Write(_said[setting]!))));

    /// <summary>Refuses values that make no sense.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A setting is outside its range, or one of the refinement cannot be refined;
    /// the message names it.</exception>
    internal void Validate(string place = "")
    {
        foreach (var (setting, value) in _said.All)
        {
            if (!setting.Fits(value))
                throw new ArgumentOutOfRangeException(
                    setting.Name, $"Search setting {place}{setting.Name} is {setting.Text(value)}; expected {setting.Expected}.");
        }

        if (Refinement is not { } refinement) return;
        if (refinement._said.All.Select(pair => pair.Key).FirstOrDefault(setting => !setting.IsRefinable) is { } other)
        {
            throw new ArgumentOutOfRangeException(other.Name,
                $"Search setting {other.Name} is the same wherever a search starts; a refinement takes "
                + $"{string.Join(", ", Rows.Where(setting => setting.IsRefinable).Select(setting => setting.Name))}.");
        }

        refinement.Validate("refinement.");
    }

    private static TypedSetting<T> Row<T>(TypedSetting<T> setting)
        where T : notnull
    {
        Rows.Add(setting);
        return setting;
    }

    private static IEnumerable<string> Changes(SearchSpec before, SearchSpec after, string prefix) => Rows
        .Where(setting => !Equals(before._said[setting], after._said[setting]))
        .Select(setting => $"{prefix}{setting.Name} {setting.Text(before._said[setting])} -> {setting.Text(after._said[setting])}");

    private T Of<T>(TypedSetting<T> setting)
        where T : notnull => (T)(_said[setting] ?? setting.Default!);

    private T? Find<T>(TypedSetting<T> setting)
        where T : struct => (T?)_said[setting];

    /// <summary>A choice left open is as if nothing had been said.</summary>
    private void Say(SearchSetting setting, object? value) =>
        _said = _said.With(setting, value is not null && setting.IsOpen(value) ? null : value);
}
