using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;

namespace DiffeoNN.Onnx.GpuCheck.Running;

/// <summary>Loads whole models.</summary>
internal static class Models
{
    /// <summary>A bundle on a device; the caller disposes it.</summary>
    public static EquivariantModel Load(CheckOptions options, string bundle, Target target, FieldEngine fields, EquivariantOptions? settings = null) =>
        EquivariantModel.Load(Path.Combine(options.Models, bundle), (settings ?? new()) with { Execution = target.Execution, Fields = fields });

    /// <summary>As rows name it.</summary>
    public static string Name(FieldEngine fields) => fields.ToString().ToLowerInvariant();

    /// <summary>Runs and drops the answers.</summary>
    public static void RunOnce(EquivariantModel model, IReadOnlyList<ImageBuffer> images, Deadline time) => model.Run(images, null, time.Token).Dispose();
}
