using DiffeoNN.Onnx.Fuzz;

try
{
    if (args is ["worker", var target, var seed, var first, var count, var folder])
    {
        new Worker(target, int.Parse(seed), folder).Run(long.Parse(first), long.Parse(count));
        return 0;
    }

    if (args is ["seeds", var shown])
    {
        using var own = FuzzTargets.Create(shown, Directory.CreateTempSubdirectory("diffeonn-fuzz-").FullName);
        for (var i = 0; i < own.Seeds.Count; i++) Console.WriteLine($"{i}: {Trial.Run(own, own.Seeds[i]).Description}");
        return 0;
    }

    var options = FuzzOptions.Parse(args);
    Directory.CreateDirectory(options.Folder);
    if (options.Replay is { } file)
    {
        using var replayed = FuzzTargets.Create(options.Targets[0], Path.Combine(options.Folder, "replay"));
        Console.WriteLine(Trial.Run(replayed, File.ReadAllBytes(file)).Description);
        return 0;
    }

    var found = 0;
    foreach (var name in options.Targets) found += new Supervisor(options, name).Run();
    return found == 0 ? 0 : 1;
}
catch (FormatException e)
{
    Console.Error.WriteLine(e.Message);
    return 2;
}
