using System.Globalization;

namespace DiffeoNN.Onnx.Training.Fit;

/// <summary>Whether a bundle helps, by what it does on images that nothing was trained on and maps that nothing was chosen on.</summary>
public sealed record FitVerdict
{
    /// <summary>Loss on undeformed images that does not count.</summary>
    private const double Negligible = 0.002;

    /// <summary>Share of the gain on deformed images that undeformed ones may lose.</summary>
    private const double Tolerated = 0.1;

    /// <summary>Share of the gap that does not count either, where the measure has a unit.</summary>
    private const double ShareOfGap = 0.02;

    /// <summary>Share of the gap that has to be closed: answers of a network that means nothing agree a little more, too, on images that
    /// are straightened.</summary>
    private const double LeastClosed = 0.2;

    /// <summary>Standard errors that a gain has to be away from nothing.</summary>
    private const double Sure = 2;

    /// <summary>Images of a family below which next to nothing can be said of it.</summary>
    public const int FewestToTell = 32;

    private FitVerdict()
    {
    }

    /// <summary>Whether deformed images get better answers by it, and undeformed ones keep theirs.</summary>
    public required bool Helps { get; init; }

    /// <summary>Whether the images judged leave open if it helps: what it changes is within two standard errors of nothing, or they are
    /// too few. False where it is known to help or known not to, and where there are <see cref="Doubts"/>.</summary>
    public bool IsUndecided { get; private init; }

    /// <summary>Images that the family that decides was judged on.</summary>
    public int Judged => Deciding.Images;

    /// <summary>Whether there is next to nothing to win, as far as the images judged tell.</summary>
    public bool LeavesNothingToWin => HasNoGap && Judged >= FewestToTell;

    /// <summary>Figures by family, undeformed images first.</summary>
    public required IReadOnlyList<FitFigure> Figures { get; init; }

    /// <summary>What is compared: <c>IoU</c>, say.</summary>
    public required string Measure { get; init; }

    /// <summary>Whether answers were compared with the truth; else with the network's own on undeformed images.</summary>
    public required bool OfTruth { get; init; }

    /// <summary>The family of <see cref="Figures"/> that decides.</summary>
    public required string Strongest { get; init; }

    /// <summary>Reasons to doubt the network itself; where there are any, nothing is claimed.</summary>
    public required IReadOnlyList<string> Doubts { get; init; }

    /// <summary>One line each: what it does, and what is wrong.</summary>
    public required IReadOnlyList<string> Lines { get; init; }

    /// <summary>Whether the measure is an error, of which less is better; figures then have its negative.</summary>
    public bool IsError => Figures.All(figure => figure is { Undeformed: <= 0, Alone: <= 0, Canonicalised: <= 0 });

    /// <summary>A figure as people read it: an error without its sign.</summary>
    /// <param name="value">A mean of <see cref="Figures"/>.</param>
    public double Shown(double value) => IsError ? Math.Abs(value) : value;

    /// <summary>Judges.</summary>
    /// <param name="figures">Undeformed images first, then the families that settings were chosen on, the strongest last of them.</param>
    /// <param name="strongest">The family that decides.</param>
    /// <param name="measure">What is compared.</param>
    /// <param name="ofTruth">Whether with the truth.</param>
    /// <param name="doubts">Reasons to doubt the network itself; any forbids a claim.</param>
    internal static FitVerdict Of(
        IReadOnlyList<FitFigure> figures, string strongest, string measure, bool ofTruth, IReadOnlyList<string> doubts)
    {
        var verdict = new FitVerdict
        {
            Helps = false, Figures = figures, Measure = measure, OfTruth = ofTruth, Strongest = strongest, Doubts = doubts, Lines = [],
        };
        FitFigure clean = figures[0], strong = verdict.Deciding;
        // Scores lie between 0 and 1; errors have a unit, which the gap gives the scale of.
        var negligible = verdict.IsError ? Negligible + (ShareOfGap * Math.Max(0, strong.Gap)) : Negligible;
        var gains = strong.Gain > Sure * strong.Error && strong.Gain > 0;
        var isHarmless = -clean.Gain <= Math.Max(negligible, Tolerated * strong.Gain);
        var harmed = figures.Skip(1).FirstOrDefault(figure => figure.Gain < -Math.Max(negligible, Sure * figure.Error));
        // Of a few images, all of which may do the same by chance, the standard error says nothing.
        var isOpen = !gains && strong.Gain >= -Sure * strong.Error && !verdict.LeavesNothingToWin
            && (strong.Images < FewestToTell || strong.Gain + (Sure * strong.Error) > LeastClosed * strong.Gap);
        List<string> lines = [verdict.OnStrongest(strong, gains, isOpen), verdict.OnUndeformed(clean, isHarmless)];
        if (doubts.Count > 0)
            lines.Insert(0, $"The network itself looks wrong, so nothing is claimed: {string.Join("; ", doubts)}.");
        if (harmed is not null)
            lines.Add($"It harms on '{harmed.Deformation}': {verdict.Text(harmed.Canonicalised)}, alone {verdict.Text(harmed.Alone)}.");
        // Where there is no gap, none is closed: what answers gain beyond the network's on undeformed images is no help.
        var isEnough = !verdict.HasNoGap && strong.GapClosed is { } closed && closed >= LeastClosed;
        if (gains && !isEnough && !verdict.HasNoGap)
        {
            lines.Add(string.Create(
                CultureInfo.InvariantCulture, $"That is less than {100 * LeastClosed:F0} %, too little to call it help."));
        }

        var mayHelp = isOpen || (gains && (isEnough || (verdict.HasNoGap && !verdict.LeavesNothingToWin)));
        var mayBeHarmless = isHarmless || -clean.Gain <= Sure * clean.Error;
        var helps = gains && isEnough && isHarmless && harmed is null && doubts.Count == 0;
        return verdict with
        {
            Helps = helps,
            IsUndecided = !helps && mayHelp && mayBeHarmless && harmed is null && doubts.Count == 0,
            Lines = lines,
        };
    }

    private FitFigure Deciding => Figures.First(figure => figure.Deformation == Strongest);

    private bool HasNoGap => Deciding.Gap < Evaluation.EvaluationSummary.SmallestGap;

    private string OnStrongest(FitFigure strong, bool gains, bool isOpen)
    {
        var measure = Measure + (OfTruth ? "" : " with its own answers on undeformed images");
        if (HasNoGap)
        {
            return (LeavesNothingToWin
                    ? "There is next to nothing to win"
                    : $"{Judged} images are too few to say if there is anything to win")
                + $": on '{Strongest}' the network alone reaches {Text(strong.Alone)} {measure}, "
                + $"on undeformed images {Text(strong.Undeformed)}.";
        }

        if (gains)
        {
            return $"On '{Strongest}' {measure} {(IsError ? "falls" : "rises")} from {Text(strong.Alone)} to {Text(strong.Canonicalised)}; "
                + $"{Text(strong.Undeformed)} is the most there is to reach: "
                + string.Create(CultureInfo.InvariantCulture, $"{100 * (strong.GapClosed ?? 0):F0} % of the gap are closed.")
                + (Judged < FewestToTell ? $" Only {Judged} images were judged: more would make it surer." : "");
        }

        var found = $"on '{Strongest}': {measure} is {Text(strong.Canonicalised)}, of the network alone {Text(strong.Alone)}";
        var error = string.Create(
            CultureInfo.InvariantCulture, $"(standard error of the difference {strong.Error:F3}, {Judged} images judged)");
        return isOpen
            ? $"It is not shown to help {found}, which is within two standard errors of nothing {error}."
            : $"It does not help {found} {error}.";
    }

    private string OnUndeformed(FitFigure clean, bool isHarmless) =>
        $"Undeformed images {(isHarmless ? "keep their answers" : "lose")}: {Text(clean.Canonicalised)}, alone {Text(clean.Alone)}.";

    private string Text(double value) => Shown(value).ToString("F3", CultureInfo.InvariantCulture);
}
