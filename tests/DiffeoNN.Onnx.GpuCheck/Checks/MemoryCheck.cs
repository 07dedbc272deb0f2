using DiffeoNN.Onnx.GpuCheck.Running;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.GpuCheck.Checks;

/// <summary>Whether many batches leave anything behind, on the device or beside it.</summary>
internal static class MemoryCheck
{
    private const int LargestBatch = 64;
    private const int WarmUp = 4;
    private const int LeastBatches = 4;
    private const double MostGrowth = 0.05;

    public static void Run(CheckOptions options, Report report)
    {
        var target = Target.Of(options);
        var device = target.IsCuda ? DeviceMemory.Find(target.Selection.Index) : null;
        if (device is null) report.Skip("device memory", target.IsCuda ? "neither nvidia-smi nor libcudart tells" : "no GPU");
        // What is to run on a GPU first; each has its share of what is left.
        List<(FieldEngine Fields, string Bundle)> pairs =
        [
            .. options.Fields.OrderByDescending(fields => fields).SelectMany(fields => options.Bundles.Select(bundle => (fields, bundle))),
        ];
        for (var i = 0; i < pairs.Count; i++)
        {
            var (fields, bundle) = pairs[i];
            var name = $"{bundle} {Models.Name(fields)}";
            var end = report.Time.Elapsed + (report.Time.Left / (pairs.Count - i));
            report.Try(name, () => Grow(name, bundle, fields, target, device, end, options, report));
        }
    }

    private static void Grow(
        string name, string bundle, FieldEngine fields, Target target, DeviceMemory? device, double end, CheckOptions options,
        Report report)
    {
        using var model = Models.Load(options, bundle, target, fields);
        var count = options.Images ?? 2000;
        // Batches of a rehearsal with few images are small, too.
        var batch = Math.Clamp(count / 8, 1, LargestBatch);
        var images = CheckImages.Typical(options, model, bundle, batch);
        var batches = Math.Max(LeastBatches, (count + batch - 1) / batch);
        for (var i = 0; i < WarmUp; i++) Models.RunOnce(model, images, report.Time);
        List<double> resident = [], onDevice = [];
        for (var i = 0; i < LeastBatches || (i < batches && report.Time.Elapsed < end); i++)
        {
            Models.RunOnce(model, images, report.Time);
            resident.Add(Environment.WorkingSet / 1e6);
            if (device is not null) onDevice.Add(device.UsedMegabytes());
        }

        Tell($"{name}, resident", batch, resident, report);
        if (device is not null) Tell($"{name}, device", batch, onDevice, report);
    }

    /// <summary>The highest of the last quarter against the highest of the first, since memory goes up and down within a batch.</summary>
    private static void Tell(string name, int batch, List<double> megabytes, Report report)
    {
        var quarter = Math.Max(1, megabytes.Count / 4);
        var (before, after) = (megabytes.Take(quarter).Max(), megabytes.TakeLast(quarter).Max());
        report.AtMost($"{name}, growth over {megabytes.Count * batch} images", (after / before) - 1, MostGrowth,
            note: $"{before:0} MB, then {after:0} MB");
    }
}
