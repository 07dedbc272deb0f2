using System.Globalization;
using DiffeoNN.Onnx.GpuCheck.Operators;
using DiffeoNN.Onnx.GpuCheck.Running;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.GpuCheck.Checks;

/// <summary>What each operator of the library's graphs costs, in a search and under the bundle's settings.</summary>
/// <remarks>To be run with CUDA_LAUNCH_BLOCKING=1, else launches alone are timed.</remarks>
internal static class ProfileCheck
{
    private const int Steps = 10;
    private const int Shown = 12;

    public static void Run(CheckOptions options, Report report)
    {
        var target = Target.Of(options);
        foreach (var bundle in options.Bundles)
        {
            report.Try($"{bundle} search", () => Profile(
                $"{bundle} search", bundle,
                new EquivariantOptions { Start = StartPoint.Identity, Steps = Steps, Patience = 0 },
                target, options, report));
            report.Try($"{bundle} default", () => Profile($"{bundle} default", bundle, new EquivariantOptions(), target, options, report));
        }
    }

    private static void Profile(string name, string bundle, EquivariantOptions settings, Target target, CheckOptions options, Report report)
    {
        using var profiles = new ProfileFolder();
        var watched = settings with { Execution = target.Execution with { ConfigureSession = profiles.Watch }, Fields = FieldEngine.Onnx };
        using (var model = EquivariantModel.Load(Path.Combine(options.Models, bundle), watched))
        {
            var images = CheckImages.Typical(options, model, bundle, options.Images ?? 64);
            for (var run = 0; run < 3; run++) Models.RunOnce(model, images, report.Time);
        }

        foreach (var (session, times) in profiles.Times().Where(profile => profile.Times.Runs > 0))
        {
            report.Info($"{name}, {session}, {times.Runs} runs", times.Milliseconds, "ms",
                string.Join("; ", times.Operators.Take(Shown).Select(item =>
                    string.Create(CultureInfo.InvariantCulture, $"{item.Name} {item.Nodes:0} {item.Milliseconds:0.000}"))));
        }
    }
}
