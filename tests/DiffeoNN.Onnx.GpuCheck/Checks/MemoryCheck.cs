using DiffeoNN.Onnx.GpuCheck.Running;

namespace DiffeoNN.Onnx.GpuCheck.Checks;

/// <summary>Whether many batches leave anything behind, on the device or beside it.</summary>
internal static class MemoryCheck
{
    private const int Batch = 64;
    private const int WarmUp = 4;
    private const double MostGrowth = 0.05;

    public static void Run(CheckOptions options, Report report)
    {
        var target = Target.Of(options);
        var device = target.IsCuda ? DeviceMemory.Find(target.Selection.Index) : null;
        if (device is null) report.Skip("device memory", target.IsCuda ? "neither nvidia-smi nor libcudart tells" : "no GPU");
        foreach (var bundle in options.Bundles)
        {
            foreach (var fields in options.Fields)
            {
                var name = $"{bundle} {Models.Name(fields)}";
                report.Try(name, () => Grow(name, bundle, fields, target, device, options, report));
            }
        }
    }

    private static void Grow(
        string name, string bundle, Inference.FieldEngine fields, Target target, DeviceMemory? device, CheckOptions options, Report report)
    {
        using var model = Models.Load(options, bundle, target, fields);
        var images = CheckImages.Generated(model.Bundle.Image, Batch, options.Seed);
        var batches = Math.Max(4, ((options.Images ?? 2000) + Batch - 1) / Batch);
        for (var i = 0; i < WarmUp; i++) Models.RunOnce(model, images, report.Time);
        List<double> resident = [], onDevice = [];
        for (var i = 0; i < batches && !report.Time.IsOver; i++)
        {
            Models.RunOnce(model, images, report.Time);
            resident.Add(Environment.WorkingSet / 1e6);
            if (device is not null) onDevice.Add(device.UsedMegabytes());
        }

        Tell($"{name}, resident", resident, report);
        if (device is not null) Tell($"{name}, device", onDevice, report);
    }

    /// <summary>The highest of the last quarter against the highest of the first, since memory goes up and down within a batch.</summary>
    private static void Tell(string name, List<double> megabytes, Report report)
    {
        var quarter = Math.Max(1, megabytes.Count / 4);
        var (before, after) = (megabytes.Take(quarter).Max(), megabytes.TakeLast(quarter).Max());
        report.AtMost($"{name}, growth over {megabytes.Count * Batch} images", (after / before) - 1, MostGrowth, note: $"{before:0} MB, then {after:0} MB");
    }
}
