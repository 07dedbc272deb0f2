using DiffeoNN.Onnx.Training.Fit;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>What to do after a verdict.</summary>
internal static class FitAdvice
{
    /// <summary>In a sentence or three; null where the bundle helps.</summary>
    public static string? Of(FitResult result)
    {
        var verdict = result.Verdict;
        if (verdict.Doubts.Count > 0)
        {
            return "look at what was read of the network: a wrong normalisation, layout or kind makes answers useless. Say it with the "
                + "options named there and fit again.";
        }

        if (verdict.Helps) return null;
        if (verdict.IsUndecided)
        {
            var held = result.HeldOut.Count;
            return (verdict.Judged < held
                ? FormattableString.Invariant($"fit with a longer --time: it trains further, and judges more of the {held} images held out")
                : FormattableString.Invariant($"fit with more images, so that more than {verdict.Judged} are held out to judge by, ")
                    + "and with a longer --time, which trains further")
                + ". Until then do not rely on it.";
        }

        return verdict.LeavesNothingToWin
            ? "the network stands these deformations by itself. If those of your images are stronger, name such with --deform."
            : "do not use it as it is. A longer --time and more images of the kind that the network was trained on help most; so does a "
                + "right reading of the network. Where undeformed images lose, try a larger --side.";
    }
}
