using System.Diagnostics;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.GpuCheck.Running;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.GpuCheck.Checks;

/// <summary>A long search from no deformation, whose steps all run.</summary>
internal static class SearchCheck
{
    private const int Steps = 80;

    /// <summary>Seconds on a GPU for the whole batch, fields by ONNX graphs.</summary>
    private const double MostSeconds = 2;

    private static readonly string[] Bundles = ["lungs", "shapes"];

    public static void Run(CheckOptions options, Report report)
    {
        var target = Target.Of(options);
        foreach (var bundle in Bundles.Where(options.Bundles.Contains))
        {
            foreach (var fields in options.Fields)
            {
                var name = $"{bundle} {Models.Name(fields)}";
                report.Try(name, () => Search(name, bundle, fields, target, options, report));
            }
        }
    }

    private static void Search(string name, string bundle, FieldEngine fields, Target target, CheckOptions options, Report report)
    {
        using var model = Models.Load(options, bundle, target, fields, new EquivariantOptions
        {
            Start = StartPoint.Identity,
            Steps = Steps,
            Patience = 0,
            CanonicalBelow = double.MinValue,
        });
        var images = CheckImages.Typical(options, model, bundle, options.Images ?? 64);
        // A first batch of this size loads kernels and fills the allocators; it need not go all the way.
        using (var brief = model.WithSettings(model.Bundle.Manifest, settings => settings with { Steps = 3 }))
            Models.RunOnce(brief, images, report.Time);
        var start = Stopwatch.GetTimestamp();
        using var result = model.Run(images, null, report.Time.Token);
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        var steps = result.Images.Min(image => image.Canonicalisation.Steps);
        report.That($"{name}, all {Steps} steps taken", steps == Steps, $"least {steps}");
        var times = result.Fields.Times;
        var note = $"{1000 * seconds / Steps:0.00} ms a step; graph of a step {Share(times.SearchGraph, times)}, energy "
            + $"{Share(times.EnergyGradient, times)}, "
            + $"exponential {Share(times.Exponential, times)}, warp {Share(times.Warp, times)}, "
            + $"regularisers {Share(times.Regularisers, times)}, result {Share(times.Diagnostics, times)}";
        var row = $"{name}, {Steps} steps of {images.Length} images";
        if (target.IsCuda && fields == FieldEngine.Onnx && images.Length == 64) report.AtMost(row, seconds, MostSeconds, "s", note);
        else report.Info(row, seconds, "s", note);
    }

    private static string Share(TimeSpan part, StageTimes times) => $"{100 * part / times.Total:0} %";
}
