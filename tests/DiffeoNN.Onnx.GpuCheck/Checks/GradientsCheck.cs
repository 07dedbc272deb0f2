using DiffeoNN.Onnx.GpuCheck.Running;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.GpuCheck.Checks;

/// <summary>Outputs and gradients on the device against those on the CPU.</summary>
internal static class GradientsCheck
{
    private const double Tolerance = 1e-4;
    private const double LeastCosine = 0.9999;
    private const string Suffix = "_grad";

    /// <summary>Gradients of a random direction that are all smaller are rounding, and have no direction.</summary>
    private const double NoGradient = 1e-6;

    private static readonly TimeSpan Compilation = TimeSpan.FromSeconds(20);
    private static readonly int[] Batches = [1, 8];

    public static void Run(CheckOptions options, Report report)
    {
        var target = Target.Of(options);
        var cpu = Target.Cpu(options);
        foreach (var name in options.Bundles)
        {
            report.Try(name, () =>
            {
                var bundle = new BundleGraphs(options.Models, name, target);
                foreach (var batch in Batches)
                    Compare(bundle.EnergyGradient.Name, batch, bundle.EnergyGradient.Model,
                        bundle.EnergyGradient.Inputs(batch, new Random(options.Seed)), target, cpu, report);
            });
        }

        foreach (var path in Models(options.Onnx, report))
            report.Try(Name(options.Onnx!, path), () => Model(Name(options.Onnx!, path), path, target, cpu, options, report));
    }

    private static IEnumerable<string> Models(string? folder, Report report)
    {
        if (folder is not null)
            return Directory.EnumerateFiles(folder, "*.onnx", SearchOption.AllDirectories).Order(StringComparer.Ordinal);
        report.Skip("models of others", "no --onnx");
        return [];
    }

    private static string Name(string folder, string path) =>
        Path.GetRelativePath(folder, path).Replace("/model.onnx", "", StringComparison.Ordinal);

    private static void Model(string name, string path, Target target, Target cpu, CheckOptions options, Report report)
    {
        var model = OnnxModel.Load(path);
        if (Compile(model, name, report) is not { } compiled) return;
        foreach (var batch in DrawnInputs.HasFreeBatch(model) ? Batches : [1])
        {
            var random = new Random(options.Seed);
            List<OnnxTensor> inputs;
            try
            {
                inputs = DrawnInputs.Of(model, batch, random);
                var outputs = Lane.Once(name, model, cpu, inputs);
                // Directions of the right shape: free sizes of outputs are known only after a run.
                inputs.AddRange(compiled.Graph.RequiredInputs.Where(input => !model.Graph.RequiredInputs.Any(own => own.Name == input.Name))
                    .Select(seed => Drawn.Normal(seed.Name, random, [.. outputs[seed.Name[..^Suffix.Length]].Dimensions])));
            }
            catch (Exception e) when (e is NotSupportedException or Microsoft.ML.OnnxRuntime.OnnxRuntimeException)
            {
                report.Skip($"{name} batch {batch}", $"drawn inputs do not run on the CPU: {e.Message.ReplaceLineEndings(" ")}");
                continue;
            }

            Compare(name, batch, compiled, inputs, target, cpu, report);
        }
    }

    /// <summary>The gradient graph; null after a row that says why there is none.</summary>
    private static OnnxModel? Compile(OnnxModel model, string name, Report report)
    {
        // A compilation cannot be stopped; one that takes too long is left behind.
        var work = Task.Factory.StartNew(
            () => GradientCompiler.Compile(model, new GradientOptions { Suffix = Suffix }), CancellationToken.None,
            TaskCreationOptions.LongRunning, TaskScheduler.Default);
        try
        {
            if (work.Wait(Compilation)) return work.Result;
            report.Skip(name, $"does not compile in {Compilation.TotalSeconds:0} s");
        }
        catch (AggregateException e)
        {
            report.Skip(name, $"does not compile: {e.InnerException!.Message.ReplaceLineEndings(" ")}");
        }

        return null;
    }

    private static void Compare(string name, int batch, OnnxModel model, IReadOnlyList<OnnxTensor> inputs, Target target, Target cpu,
        Report report)
    {
        report.Time.Check();
        var expected = Lane.Once(name, model, cpu, inputs);
        var found = Lane.Once(name, model, target, inputs);
        var differences = expected.Where(pair => pair.Value.ElementType.IsFloat())
            .ToDictionary(pair => pair.Key, pair => Difference.Of(pair.Value, found[pair.Key]));
        var gradients = differences.Where(pair => pair.Key.EndsWith(Suffix, StringComparison.Ordinal)).ToList();
        var outputs = differences.Except(gradients).Select(pair => pair.Value).ToList();
        if (outputs.Count > 0) report.AtMost($"{name} batch {batch}, outputs", outputs.Max(difference => difference.Relative), Tolerance);
        foreach (var (output, difference) in gradients)
        {
            var row = $"{name} batch {batch}, {output}";
            if (difference.Largest < NoGradient && difference.Absolute < NoGradient)
                report.Info(row, difference.Largest, note: "no gradient to compare");
            else
                report.AtLeast(
                    $"{row} cosine", difference.Cosine, LeastCosine, note: $"differs by {difference.Relative:0.0e+0} of the largest");
        }
    }
}
