using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Deformations;

/// <summary>Writes deformed copies of data folders.</summary>
public static class DeformedFolder
{
    /// <summary>
    /// Deforms the chosen images, the i-th of them by the map of (seed, i), and writes images/, masks/ (if there are any) and split.csv.
    /// Images are padded with zeros; masks are deformed bilinearly and thresholded at 0.5. Files are PNG; the extension of other formats is
    /// replaced.
    /// </summary>
    /// <param name="data">Folder with images/, optional masks/ and optional split.csv.</param>
    /// <param name="output">Created if missing; another folder than <paramref name="data"/>.</param>
    /// <param name="options">Which images, and how.</param>
    /// <param name="progress">Told the number of images written.</param>
    /// <param name="cancellationToken">Stops between two images; split.csv is then not written.</param>
    /// <returns>Number of images written.</returns>
    /// <exception cref="OutputException">A file cannot be written.</exception>
    /// <exception cref="ImageException">A file or folder is missing or unreadable, a mask has another size than its image, or
    /// the output is the input.</exception>
    /// <exception cref="DeformationException">No map without folds was found.</exception>
    public static int Write(
        string data, string output, DeformedFolderOptions options, IProgress<int>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        var folder = ImageFolder.Open(data);
        if (FullPath(data) == FullPath(output))
            throw new ImageException($"'{output}' is the data folder itself; give another one, or its images would be overwritten.");
        var rows = folder.Select(options.Split, options.Source, options.Count);
        AtomicFile.CreateFolder(Path.Combine(output, "images"));
        if (folder.HasMasks) AtomicFile.CreateFolder(Path.Combine(output, "masks"));
        var written = new List<ImageFolderRow>(rows.Count);
        foreach (var row in rows)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var target = row with { Name = Path.ChangeExtension(row.Name, ".png") };
            var image = ImageFile.Read(folder.ImagePath(row));
            if (image.Height < 2 || image.Width < 2)
                throw new ImageException($"'{folder.ImagePath(row)}' is {image.Width}x{image.Height} pixels; a deformation needs at least 2x2.");
            var mask = folder.HasMasks ? ReadMask(folder, row, image) : null;
            var map = options.Deformation.Draw(new SamplingGrid(image.Height, image.Width), options.Seed, written.Count);
            ImageFile.WritePng(Path.Combine(output, "images", target.Name), map.Apply(image));
            if (mask is not null) ImageFile.WritePng(Path.Combine(output, "masks", target.Name), map.ApplyToMask(mask));
            written.Add(target);
            progress?.Report(written.Count);
        }

        ImageFolder.WriteSplit(output, written);
        return written.Count;
    }

    private static string FullPath(string path) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));

    private static ImageBuffer ReadMask(ImageFolder folder, ImageFolderRow row, ImageBuffer image)
    {
        string path = folder.MaskPath(row);
        var mask = ImageFile.Read(path, 1);
        return mask.Height == image.Height && mask.Width == image.Width
            ? mask
            : throw new ImageException($"'{path}' is {mask.Width}x{mask.Height} pixels; its image is {image.Width}x{image.Height}.");
    }
}
