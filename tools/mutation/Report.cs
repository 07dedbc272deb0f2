namespace DiffeoNN.Onnx.Mutation;

/// <summary>What is said at the end.</summary>
internal static class Report
{
    /// <summary>Scores and survivors, in Markdown.</summary>
    public static void Write(IReadOnlyList<Verdict> verdicts, TextWriter to)
    {
        to.WriteLine("| Folder | Mutants | Killed | Timed out | Survived | Not reached | Score |");
        to.WriteLine("|---|---|---|---|---|---|---|");
        foreach (var folder in verdicts.GroupBy(verdict => verdict.Mutant.Folder).OrderBy(group => group.Key, StringComparer.Ordinal))
            WriteRow(folder.Key, [.. folder], to);
        WriteRow("all", verdicts, to);
        Verdict[] left = [.. verdicts.Where(verdict => !verdict.IsSeen)];
        if (left.Length == 0)
            return;
        to.WriteLine();
        foreach (var verdict in left)
            to.WriteLine($"- {verdict.Mutant} ({verdict.Detail})");
    }

    /// <summary>Every mutant, one a line, for <c>--only</c>.</summary>
    public static void WriteTable(IReadOnlyList<Verdict> verdicts, string path) => File.WriteAllLines(
        path, verdicts.Select(verdict => $"{verdict.Outcome}\t{verdict.Mutant.Key}\t{verdict.Detail}"));

    private static void WriteRow(string name, IReadOnlyList<Verdict> verdicts, TextWriter to)
    {
        int Count(Outcome outcome) => verdicts.Count(verdict => verdict.Outcome == outcome);
        var score = 100.0 * verdicts.Count(verdict => verdict.IsSeen) / Math.Max(1, verdicts.Count);
        to.WriteLine($"| {name} | {verdicts.Count} | {Count(Outcome.Killed)} | {Count(Outcome.TimedOut)} | {Count(Outcome.Survived)} "
            + $"| {Count(Outcome.NotReached)} | {score:F1} % |");
    }
}
