using DiffeoNN.Onnx.GpuCheck.Running;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.GpuCheck.Checks;

/// <summary>Images a second of whole models, and milliseconds of their networks, over batch sizes.</summary>
internal static class ThroughputCheck
{
    private const int WarmUp = 2;
    private const int GraphRuns = 20;
    private const double SecondsOfModel = 6;
    private const double SecondsOfGraph = 2;
    private const double SecondsOfStream = 2;
    private const int LeastBatches = 8;

    /// <summary>Images a second of the lungs' bundle on a GPU, fields by ONNX graphs, at the best batch.</summary>
    private const double LeastImages = 1000;

    private const int LargestGraphBatch = 128;

    public static void Run(CheckOptions options, Report report)
    {
        var target = Target.Of(options);
        // What has a bar first, what may take longest last.
        if (options.Fields.Contains(FieldEngine.Onnx)) Whole(FieldEngine.Onnx, target, options, report);
        foreach (var bundle in options.Bundles)
            report.Try($"{bundle} graphs", () => Graphs(new BundleGraphs(options.Models, bundle, target), target, options, report));
        foreach (var fields in options.Fields.Where(fields => fields != FieldEngine.Onnx))
            Whole(fields, target, options, report);
    }

    private static void Whole(FieldEngine fields, Target target, CheckOptions options, Report report)
    {
        foreach (var bundle in options.Bundles)
        {
            var name = $"{bundle} {Models.Name(fields)}";
            report.Try(name, () => Model(name, bundle, fields, target, options, report));
        }
    }

    private static void Model(string name, string bundle, FieldEngine fields, Target target, CheckOptions options, Report report)
    {
        using var model = Models.Load(options, bundle, target, fields);
        var images = CheckImages.Typical(options, model, bundle, options.Batches.Max());
        var best = 0.0;
        foreach (var batch in options.Batches)
        {
            report.Try($"{name} batch {batch}", () =>
            {
                var part = images[..batch];
                var timing = Timing.Of(() => Models.RunOnce(model, part, report.Time), WarmUp, options.Repeats, report.Time,
                    SecondsOfModel);
                var whole = 1000 * batch / timing.Milliseconds;
                // Answers alone, taken while the next batch runs, as a server does.
                var runs = Math.Max(LeastBatches, (int)(SecondsOfStream * 1000 / timing.Milliseconds));
                var perSecond = runs * batch / Models.Stream(model, part, runs, report.Time);
                best = Math.Max(best, perSecond);
                report.Info($"{name} batch {batch}", perSecond, "images/s",
                    $"{runs} batches; with fields and canonical images {whole:0.0}, {timing.Milliseconds:0.0} ms, {timing.Runs} runs");
            });
        }

        if (best == 0) return;
        if (target.IsCuda && bundle == "lungs" && fields == FieldEngine.Onnx) report.AtLeast($"{name}, best batch", best, LeastImages,
            "images/s");
        else report.Info($"{name}, best batch", best, "images/s");
    }

    private static void Graphs(BundleGraphs bundle, Target target, CheckOptions options, Report report)
    {
        foreach (var graph in new[] { bundle.Inner, bundle.InnerGradient, bundle.Energy, bundle.EnergyGradient })
        {
            foreach (var tf32 in target.IsCuda ? [false, true] : (bool[])[false])
            {
                foreach (var batch in options.Batches.Where(batch => batch <= LargestGraphBatch))
                {
                    var name = $"{graph.Name} batch {batch}{(tf32 ? " TF32" : "")}";
                    report.Try(name, () =>
                    {
                        using var lane = Lane.Ready(graph.Name, graph.Model, target, graph.Inputs(batch, new Random(options.Seed)),
                            tf32: tf32);
                        var timing = Timing.Of(lane.Run, WarmUp, Math.Max(GraphRuns, options.Repeats), report.Time, SecondsOfGraph);
                        report.Info(name, timing.Milliseconds, "ms",
                            $"{timing.Milliseconds / batch:0.000} ms an image, {timing.Runs} runs");
                    });
                }
            }
        }
    }
}
