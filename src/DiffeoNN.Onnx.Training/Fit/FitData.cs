using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Diagnostics.Reading;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Inference;
using TorchSharp;

namespace DiffeoNN.Onnx.Training.Fit;

/// <summary>Images to fit on and to validate on, as a folder holds them.</summary>
/// <param name="Images">To train on; where there are no others, some are held out of these.</param>
/// <param name="Validation">To hold out, where the data has a split for that; else null.</param>
/// <param name="HasTruth">Whether masks, labels and the like were read.</param>
public sealed record FitData(IEvaluationData Images, IEvaluationData? Validation, bool HasTruth)
{
    /// <summary>Generated images, where those are asked for.</summary>
    private const int Generated = 1000;

    private const int MostValidation = 2000;

    /// <summary>Opens data: splits <c>train</c> and <c>val</c> where it has them; never <c>test</c>.</summary>
    /// <param name="path">A folder of images, or of folders of images, a folder with <c>images/</c> and perhaps <c>split.csv</c>, MNIST's
    /// files, or <c>shapes</c>.</param>
    /// <param name="reading">What was read of the network.</param>
    /// <param name="hasTruth">Whether to read the truth beside the images: <c>masks/</c>, labels of <c>split.csv</c> and the like. Images
    /// to train on may lack it, one by one; those held out may not.</param>
    /// <param name="source">Only images of this source; null for all.</param>
    /// <param name="count">At most so many to train on; null for all.</param>
    /// <param name="seed">Of generated images.</param>
    /// <exception cref="DataException">There is no such data, or no truth in it, or it has nothing but test images.</exception>
    /// <exception cref="GraphException">The network does not run.</exception>
    public static FitData Open(
        string path, NetworkReading reading, bool hasTruth = false, string? source = null, int? count = null, ulong seed = 1)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(reading);
        var kind = reading.Outputs[0].Kind;
        var task = new EvaluationTask(kind, hasTruth ? ClassesOf(reading) : 2) { Channels = reading.Image.Channels };
        var selection = new EvaluationSelection { Source = source, Count = count, Seed = seed };
        if (!EvaluationData.HasSplits(path)) return new FitData(Open(selection), null, hasTruth);
        var splits = SplitsOf(path);
        if (path == EvaluationData.Shapes && count is null) selection = selection with { Count = Generated };
        var train = splits.Contains("train") ? "train" : splits.FirstOrDefault(split => split is not ("test" or "val"));
        if (train is null && !splits.Contains("val"))
        {
            throw new DataException(
                $"'{path}' has images of the split 'test' alone, which nothing is trained or chosen on; name others 'train' in split.csv.");
        }

        return new FitData(
            Open(selection with { Split = train ?? "val" }),
            train is not null && splits.Contains("val") ? Open(selection with { Split = "val", Count = MostValidation }) : null, hasTruth);

        IEvaluationData Open(EvaluationSelection chosen) =>
            hasTruth ? EvaluationData.Open(path, task, chosen) : EvaluationData.OpenImages(path, task, chosen);
    }

    private static string[] SplitsOf(string path) => Directory.Exists(Path.Combine(path, "images"))
        ? [.. ImageFolder.Read(path).Rows.Select(row => row.Split).Distinct(StringComparer.Ordinal)]
        : ["train", "val"];

    /// <summary>Classes, numbers or points of the first output, by a run on a black image.</summary>
    internal static int ClassesOf(NetworkReading reading)
    {
        var folder = Directory.CreateTempSubdirectory("diffeonn");
        try
        {
            var bundle = reading.Write(folder.FullName, "network");
            using var inner = InnerModel.Load(bundle, BundleRole.Inner, new OnnxRuntimeEngine(
                new ExecutionOptions { Device = ExecutionDevice.Cpu }));
            using var scope = torch.NewDisposeScope();
            var spec = reading.Outputs[0];
            var image = bundle.Image;
            var parts = inner.Answers(torch.zeros(1, image.Channels, image.Height, image.Width), CancellationToken.None)[0];
            return AnswerKinds.Of(spec).ClassesOf(parts, spec);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
