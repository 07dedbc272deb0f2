using System.Diagnostics;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.GpuCheck.Running;

/// <summary>Loads whole models.</summary>
internal static class Models
{
    /// <summary>A bundle on a device; the caller disposes it.</summary>
    public static EquivariantModel Load(CheckOptions options, string bundle, Target target, FieldEngine fields,
        EquivariantOptions? settings = null) =>
        EquivariantModel.Load(Path.Combine(options.Models, bundle),
            (settings ?? new()) with { Execution = target.Execution, Fields = fields });

    /// <summary>As rows name it.</summary>
    public static string Name(FieldEngine fields) => fields.ToString().ToLowerInvariant();

    /// <summary>Runs and drops the answers.</summary>
    public static void RunOnce(EquivariantModel model, IReadOnlyList<ImageBuffer> images, Deadline time) =>
        model.Run(images, null, time.Token).Dispose();

    /// <summary>Runs as a server does: answers of a batch are taken on another thread while the next batch runs;
    /// nothing else is asked for.</summary>
    /// <returns>Seconds of all batches together.</returns>
    public static double Stream(EquivariantModel model, IReadOnlyList<ImageBuffer> images, int batches, Deadline time)
    {
        var start = Stopwatch.GetTimestamp();
        var answers = Task.CompletedTask;
        for (var i = 0; i < batches; i++)
        {
            var batch = model.Canonicalise([.. images.Select(model.Prepare)], null, time.Token);
            answers.GetAwaiter().GetResult();
            answers = Task.Run(() => Take(batch));
        }

        answers.GetAwaiter().GetResult();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static void Take(EquivariantBatch batch)
    {
        using (batch)
            Parallel.For(0, batch.Count, i => GC.KeepAlive(batch.Answer(i).ToOutput()));
    }
}
