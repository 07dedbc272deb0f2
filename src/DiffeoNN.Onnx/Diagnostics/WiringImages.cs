using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Diagnostics;

/// <summary>Finds the undeformed images that a bundle is tried on.</summary>
public static class WiringImages
{
    /// <summary>Reads at most <see cref="WiringDiagnosis.MostImages"/>, spread over what there is.</summary>
    /// <param name="data">An image, a folder of images, of folders of images or with <c>images/</c> inside, a folder with
    /// MNIST's IDX files, or <c>shapes</c>.</param>
    /// <param name="bundle">Says of which kind generated images have to be.</param>
    /// <param name="bad">What is wrong with images that cannot be read, one line each; they are left out.</param>
    /// <exception cref="DataException">There is no such data, or none of its images can be read.</exception>
    /// <exception cref="ImageException">The one image cannot be read.</exception>
    public static IReadOnlyList<ImageBuffer> Read(string data, Bundle bundle, out IReadOnlyList<string> bad)
    {
        ArgumentNullException.ThrowIfNull(bundle);
        return Read(data, bundle.Manifest.Models.Inner.Output.Kind, out bad);
    }

    /// <summary>As <see cref="Read(string, Bundle, out IReadOnlyList{string})"/>, for a network of which nothing is known yet.</summary>
    /// <param name="data">As there.</param>
    /// <param name="bad">What is wrong with images that cannot be read, one line each; they are left out.</param>
    /// <exception cref="DataException">There is no such data, or none of its images can be read.</exception>
    /// <exception cref="ImageException">The one image cannot be read.</exception>
    public static IReadOnlyList<ImageBuffer> Read(string data, out IReadOnlyList<string> bad) =>
        Read(data, KindWith(data == EvaluationData.Shapes ? TruthForm.Mask : TruthForm.Label), out bad);

    private static OutputKind KindWith(TruthForm truth) => AnswerKinds.All.First(kind => kind.Truth == truth).Kind;

    private static IReadOnlyList<ImageBuffer> Read(string data, OutputKind kind, out IReadOnlyList<string> bad)
    {
        ArgumentException.ThrowIfNullOrEmpty(data);
        bad = [];
        if (File.Exists(data)) return [ImageFile.Read(data)];
        var inside = Path.Combine(data, "images");
        var files = Directory.Exists(inside) ? ImageFile.ListFolder(inside) : Directory.Exists(data) ? ImageFile.ListFolder(data) : [];
        if (files.Count > 0) return Readable(files, out bad);
        if (Directory.Exists(inside)) throw new DataException($"'{inside}' holds no images.");
        if (Directory.Exists(data) && !EvaluationData.HasSplits(data) && PlainImages.Files(data) is { Count: > 0 } deeper)
            return Readable(deeper, out bad);
        var images = EvaluationData.OpenImages(
            data, new EvaluationTask(kind, 256),
            new EvaluationSelection { Split = EvaluationData.HasSplits(data) ? "train" : null, Count = WiringDiagnosis.MostImages });
        return [.. Spread(images.Count).Select(i => images.Read(i).Image)];
    }

    private static IReadOnlyList<ImageBuffer> Readable(IReadOnlyList<string> files, out IReadOnlyList<string> bad)
    {
        var (images, problems) = (new SampledImages(), new List<string>());
        foreach (var i in Spread(files.Count))
        {
            try
            {
                images.Add(files[i]);
            }
            catch (ImageException error)
            {
                problems.Add(error.Message);
            }
        }

        bad = problems;
        return images.Count > 0
            ? images
            : throw new DataException($"None of the {problems.Count} images can be used; the first: {problems[0]}");
    }

    private static IEnumerable<int> Spread(int count)
    {
        var chosen = Math.Min(count, WiringDiagnosis.MostImages);
        return Enumerable.Range(0, chosen).Select(i => (int)((long)i * count / chosen));
    }
}
