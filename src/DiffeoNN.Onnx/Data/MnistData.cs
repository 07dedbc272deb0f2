using System.Globalization;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Data;

/// <summary>
/// MNIST's digits: for a network of ten classes with the digit, for others with the genus. Split <c>test</c> is the file of test digits,
/// <c>val</c> the last 5,000 of the file of training digits, <c>train</c> the others.
/// </summary>
internal sealed class MnistData : IEvaluationData
{
    /// <summary>Name of the test images, without <c>.gz</c>.</summary>
    public const string TestImages = "t10k-images-idx3-ubyte";
    private const string TrainImages = "train-images-idx3-ubyte";
    private const int Validation = 5000;
    private const int Digits = 10;
    private readonly EvaluationTask _task;
    private readonly IdxFile _images;
    private readonly IdxFile? _digits;
    private readonly int _first;
    private readonly string _file;

    /// <summary>Reads the files of a split.</summary>
    /// <exception cref="DataException">A file is missing or malformed, images and labels do not fit,
    /// or there is no such split.</exception>
    public MnistData(string path, EvaluationTask task, EvaluationSelection selection)
    {
        Name = path;
        _task = task;
        Split = selection.Split ?? "test";
        Source = selection.Source;
        if (Split is not ("train" or "val" or "test") || Source is not null)
            throw new DataException(
                $"'{path}' has no image {ImageFolder.Asked(Split, Source)}. Splits: 'train', 'val', 'test'. It names no sources.");
        _file = Split == "test" ? TestImages : TrainImages;
        var images = IdxFile.Find(path, _file)
            ?? throw new DataException($"'{Path.Combine(path, _file)}' is missing, with or without .gz.");
        _images = IdxFile.Read(images, 3);
        if (_images.Dimensions[1] < 2 || _images.Dimensions[2] < 2)
            throw new DataException(
                $"'{images}' holds images of {_images.Dimensions[2]}x{_images.Dimensions[1]} pixels; at least 2x2 are needed.");
        if (!task.IsAgreement) _digits = ReadDigits(path, images);
        int all = _images.Dimensions[0], training = Math.Max(0, all - Validation);
        (_first, var length) = Split switch { "test" => (0, all), "train" => (0, training), _ => (training, all - training) };
        Count = Math.Min(length, selection.Count ?? int.MaxValue);
        if (Count == 0)
            throw new DataException(
                $"'{images}' has no image of split '{Split}': it holds {all} images, of which the last {Validation} are val.");
    }

    // The digits are not needed, but labels that do not fit the images tell of a wrong file.
    private IdxFile? ReadDigits(string path, string images)
    {
        var labels = _file.Replace("images-idx3", "labels-idx1", StringComparison.Ordinal);
        var digits = IdxFile.Find(path, labels) is { } file ? IdxFile.Read(file, 1) : null;
        return digits is null || digits.Dimensions[0] == _images.Dimensions[0]
            ? digits
            : throw new DataException(
                $"'{digits.Path}' holds {digits.Dimensions[0]} labels; '{images}' holds {_images.Dimensions[0]} images.");
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public string? Split { get; }

    /// <inheritdoc/>
    public string? Source { get; }

    /// <inheritdoc/>
    public int Count { get; }

    /// <summary>Whether a folder holds the files of a split.</summary>
    public static bool IsMnist(string path) =>
        Directory.Exists(path) && (IdxFile.Find(path, TestImages) ?? IdxFile.Find(path, TrainImages)) is not null;

    /// <inheritdoc/>
    public EvaluationSample Read(int index)
    {
        int item = _first + index, height = _images.Dimensions[1], width = _images.Dimensions[2];
        var name = string.Create(CultureInfo.InvariantCulture, $"{(Split == "test" ? "t10k" : "train")}-{item:D5}");
        if (_digits is not null && _digits.Values[item] > 9)
            throw new DataException($"'{_digits.Path}' labels item {item} as {_digits.Values[item]}; expected digits from 0 to 9.");
        var values = Array.ConvertAll(_images.Values[(item * height * width)..((item + 1) * height * width)], value => value / 255f);
        var image = new ImageBuffer(1, height, width, values);
        _task.RequireChannels(image, _images.Path);
        if (_task.IsAgreement) return new EvaluationSample(name, image, null, null);
        if (_task.Classes == Digits)
        {
            return _digits is not null
                ? new EvaluationSample(name, image, null, _digits.Values[item])
                : throw new DataException($"'{_images.Path}' has no file of labels beside it; the bundle tells {Digits} digits apart.");
        }

        var genus = Genus.Of(image);
        return genus < _task.Classes
            ? new EvaluationSample(name, image, null, genus)
            : throw new DataException($"'{_images.Path}' item {item} has {genus} holes; the bundle's classes end at {_task.Classes - 1}.");
    }
}
