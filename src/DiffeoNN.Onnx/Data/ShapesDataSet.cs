using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Shapes;

namespace DiffeoNN.Onnx.Data;

/// <summary>Writes generated shapes as a data folder for training and evaluation.</summary>
public static class ShapesDataSet
{
    /// <summary>The source named in split.csv.</summary>
    public const string Source = "shapes";

    /// <summary>
    /// Writes <c>images/NAME.png</c>, <c>masks/NAME.png</c> (0 and 255) and split.csv: of every 20 images 14 train, 3 val, 3 test.
    /// </summary>
    /// <param name="folder">Created if missing.</param>
    /// <param name="count">Number of images, at least 1.</param>
    /// <param name="seed">Seed of the set; the first images of a longer set are those of a shorter one.</param>
    /// <param name="size">Rows and columns, at least 16.</param>
    /// <param name="progress">Told the number of images written.</param>
    /// <param name="cancellationToken">Stops between two images; split.csv is then not written.</param>
    /// <exception cref="ArgumentOutOfRangeException">A count or size is too small.</exception>
    /// <exception cref="OutputException">A file cannot be written.</exception>
    public static void Write(
        string folder, int count, ulong seed, int size = 128, IProgress<int>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 16);
        AtomicFile.CreateFolder(Path.Combine(folder, "images"));
        AtomicFile.CreateFolder(Path.Combine(folder, "masks"));
        var rows = new List<ImageFolderRow>(count);
        for (var i = 0; i < count; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var (image, mask) = ShapesGenerator.Generate(seed, i, size);
            var name = $"shape-{i:D5}.png";
            ImageFile.WritePng(Path.Combine(folder, "images", name), image);
            ImageFile.WritePng(Path.Combine(folder, "masks", name), mask);
            rows.Add(new ImageFolderRow(name, SplitOf(i), Source));
            progress?.Report(i + 1);
        }

        ImageFolder.WriteSplit(folder, rows);
    }

    /// <summary>The split of the image with this number.</summary>
    internal static string SplitOf(int index) => (index % 20) switch
    {
        < 14 => "train",
        < 17 => "val",
        _ => "test",
    };
}
