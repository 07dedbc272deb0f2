using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Evaluation;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Diagnostics;

/// <summary>Finds the undeformed images that a bundle is tried on.</summary>
public static class WiringImages
{
    /// <summary>Reads at most <see cref="WiringDiagnosis.MostImages"/>, spread over what there is.</summary>
    /// <param name="data">An image, a folder of images or with <c>images/</c> inside, a folder with MNIST's IDX files, or <c>shapes</c>.</param>
    /// <param name="bundle">Says of which kind generated images have to be.</param>
    /// <exception cref="ImageException">There is no such data, or an image cannot be read.</exception>
    public static IReadOnlyList<ImageBuffer> Read(string data, Bundle bundle)
    {
        ArgumentException.ThrowIfNullOrEmpty(data);
        ArgumentNullException.ThrowIfNull(bundle);
        if (File.Exists(data)) return [ImageFile.Read(data)];
        string inside = Path.Combine(data, "images");
        var files = Directory.Exists(inside) ? ImageFile.ListFolder(inside) : Directory.Exists(data) ? ImageFile.ListFolder(data) : [];
        if (files.Count > 0) return [.. Spread(files.Count).Select(i => ImageFile.Read(files[i]))];
        if (Directory.Exists(inside)) throw new ImageException($"'{inside}' holds no images.");
        var output = bundle.Manifest.Models.Inner.Output;
        var images = EvaluationData.Open(
            data, new EvaluationTask(output.Kind, 256), new EvaluationSelection { Split = "train", Count = WiringDiagnosis.MostImages });
        return [.. Spread(images.Count).Select(i => images.Read(i).Image)];
    }

    private static IEnumerable<int> Spread(int count)
    {
        int chosen = Math.Min(count, WiringDiagnosis.MostImages);
        return Enumerable.Range(0, chosen).Select(i => (int)((long)i * count / chosen));
    }
}
