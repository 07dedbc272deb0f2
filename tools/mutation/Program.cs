using DiffeoNN.Onnx.Mutation;

try
{
    if (args is ["worker", var mutant, var folders])
    {
        new Worker(folders.Split(',', StringSplitOptions.RemoveEmptyEntries), int.Parse(mutant)).Run();
        return 0;
    }

    var options = MutationOptions.Parse(args);
    using var place = new Workplace(FindRoot());
    var all = new Instrumentation(options, new SourceText(FindRoot(), Workplace.Library)).Write(place.Original, place.Instrumented);
    var drawn = Draw(all, options);
    Console.WriteLine($"{all.Count} mutants, {drawn.Count} of them to try");
    if (options.List)
    {
        foreach (var one in drawn) Console.WriteLine(one);
        return 0;
    }

    Coverage coverage;
    using (var worker = new WorkerProcess(place, options.Tests, -1)) coverage = new Coverage(worker, all);
    Console.WriteLine($"{coverage.Count} tests");
    foreach (var test in coverage.Failed) Console.WriteLine($"fails as it is, and is left out: {test}");
    var done = 0;
    var verdicts = new Campaign(options, place, coverage).Run(drawn, verdict =>
    {
        done++;
        Console.WriteLine($"{done}/{drawn.Count} {verdict.Outcome}: {verdict.Mutant} ({verdict.Detail})");
    });
    if (options.Table is { } table) Report.WriteTable(verdicts, table);
    Console.WriteLine();
    Report.Write(verdicts, Console.Out);
    return 0;
}
catch (FormatException e)
{
    Console.Error.WriteLine(e.Message);
    return 2;
}

static List<Mutant> Draw(IReadOnlyList<Mutant> all, MutationOptions options)
{
    IEnumerable<Mutant> chosen = all;
    if (options.At is { } place) chosen = chosen.Where(mutant => mutant.ToString().Contains(place, StringComparison.Ordinal));
    if (options.Only is { } table)
    {
        HashSet<string> left = [.. File.ReadLines(table).Select(line => line.Split('\t'))
            .Where(cells => cells[0] is nameof(Outcome.Survived) or nameof(Outcome.NotReached)).Select(cells => cells[1])];
        chosen = chosen.Where(mutant => left.Contains(mutant.Key));
    }

    if (options.Sample is not { } count) return [.. chosen];
    var random = new Random(options.Seed);
    return [.. chosen.OrderBy(_ => random.Next()).Take(count).OrderBy(mutant => mutant.Id)];
}

static string FindRoot()
{
    for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
    {
        if (File.Exists(Path.Combine(folder.FullName, "DiffeoNN.Onnx.sln"))) return folder.FullName;
    }

    throw new FormatException($"No DiffeoNN.Onnx.sln lies above '{AppContext.BaseDirectory}'.");
}
