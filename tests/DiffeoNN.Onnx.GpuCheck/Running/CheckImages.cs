using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Evaluation;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Shapes;

namespace DiffeoNN.Onnx.GpuCheck.Running;

/// <summary>Images that the checks run on.</summary>
internal static class CheckImages
{
    /// <summary>How many different images a large batch repeats; drawing them takes longer than running them.</summary>
    private const int Different = 32;

    /// <summary>Deformed images of a data set, test images where it has splits.</summary>
    /// <param name="model">What they are for.</param>
    /// <param name="data">A folder; generated shapes if null.</param>
    /// <param name="count">How many at most.</param>
    /// <param name="seed">Of the deformations.</param>
    public static ImageBuffer[] Deformed(EquivariantModel model, string? data, int count, int seed)
    {
        if (data is null) return Generated(128, count, seed);
        var evaluator = new Evaluator(model, new EvaluationOptions { Deformation = Deformation.Create("tps-strong"), Seed = (ulong)seed });
        var samples = EvaluationData.Open(data, evaluator.Task, new EvaluationSelection { Count = count });
        return [.. Enumerable.Range(0, samples.Count).Select(i => evaluator.Deform(samples, i).Image)];
    }

    /// <summary>Images as a bundle meets them, deformed, of its own size: of its data set where that is given, else shapes;
    /// few ones again and again.</summary>
    /// <param name="options">Where data sets lie.</param>
    /// <param name="model">What they are for.</param>
    /// <param name="bundle">The bundle's name.</param>
    /// <param name="count">How many.</param>
    public static ImageBuffer[] Typical(CheckOptions options, EquivariantModel model, string bundle, int count)
    {
        var image = model.Bundle.Image;
        if (options.Data(bundle) is not { } data) return Generated(image, count, options.Seed);
        var different = Deformed(model, data, Math.Min(count, Different), options.Seed);
        return [.. Enumerable.Range(0, count)
            .Select(i => ImageResampler.Resize(different[i % different.Length].WithChannels(image.Channels), image.Height, image.Width))];
    }

    /// <summary>Deformed shapes of a bundle's own size.</summary>
    public static ImageBuffer[] Generated(ImageSpec image, int count, int seed)
    {
        var different = Generated(Math.Max(image.Height, image.Width), Math.Min(count, Different), seed);
        return [.. Enumerable.Range(0, count)
            .Select(i => ImageResampler.Resize(different[i % different.Length], image.Height, image.Width))];
    }

    private static ImageBuffer[] Generated(int size, int count, int seed)
    {
        var deformation = Deformation.Create("tps-strong");
        var grid = new SamplingGrid(size, size);
        return [.. Enumerable.Range(0, count).AsParallel().AsOrdered()
            .Select(i => deformation.Draw(grid, (ulong)seed, i).Apply(ShapesGenerator.Generate((ulong)seed + 1_000_003, i, size).Image))];
    }
}
