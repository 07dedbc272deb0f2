using DiffeoNN.Onnx.GpuCheck.Checks;
using DiffeoNN.Onnx.GpuCheck.Running;

CheckOptions options;
try
{
    options = CheckOptions.Parse(args);
    if (options.Check != "all" && !CheckList.Names.Contains(options.Check)) throw new FormatException($"There is no check '{options.Check}'.");
}
catch (FormatException e)
{
    Console.Error.WriteLine($"{e.Message}\n\n{CheckOptions.Usage}");
    return 1;
}

return options.Check == "all" ? AllChecks.Run(options, args) : SingleCheck.Run(options);
