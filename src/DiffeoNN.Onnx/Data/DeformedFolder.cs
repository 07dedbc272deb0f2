using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Data;

/// <summary>Writes deformed copies of data folders.</summary>
public static class DeformedFolder
{
    /// <summary>
    /// Deforms the chosen images, the i-th of them by the map of (seed, i), and writes images/, masks/ (if there are any) and split.csv.
    /// Images are padded with zeros, and stored with 16 bits where their files have so many, else with 8. Masks keep their stored values,
    /// depth and palette: each pixel takes the value with the largest bilinear share, 0 outside. Files are PNG;
    /// the extension of other formats is replaced.
    /// </summary>
    /// <param name="data">Folder with images/, optional masks/ and optional split.csv.</param>
    /// <param name="output">Created if missing; another folder than <paramref name="data"/>.</param>
    /// <param name="options">Which images, and how.</param>
    /// <param name="progress">Told the number of images written.</param>
    /// <param name="cancellationToken">Stops between two images; split.csv is then not written.</param>
    /// <returns>What was written.</returns>
    /// <exception cref="OutputException">A file cannot be written.</exception>
    /// <exception cref="DataException">A file or folder is missing, split.csv is malformed, a mask has another size than its image,
    /// colours without palette or values that its format changed beyond repair, two images would be written to one file, or the output
    /// is the input.</exception>
    /// <exception cref="ImageException">An image or mask cannot be read, or an image is smaller than 2x2 pixels.</exception>
    /// <exception cref="DeformationException">No map without folds was found.</exception>
    public static DeformedFolderResult Write(
        string data, string output, DeformedFolderOptions options, IProgress<int>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        var folder = ImageFolder.Open(data);
        foreach (var part in new[] { "", "images", "masks" })
        {
            var (from, to) = (Path.Combine(data, part), Path.Combine(output, part));
            if (RealPath.IsSame(from, to))
                throw new DataException($"'{to}' is '{from}' itself; give another folder, or its files would be overwritten.");
        }

        var rows = folder.Select(options.Split, options.Source, options.Count);
        if (rows.GroupBy(row => Target(row.Name)).FirstOrDefault(group => group.Count() > 1) is { } clash)
        {
            var both = string.Join(" and ", clash.Select(row => $"'{folder.ImagePath(row)}'"));
            throw new DataException($"Images {both} would both be written to '{clash.Key}'; rename one.");
        }

        AtomicFile.CreateFolder(Path.Combine(output, "images"));
        if (folder.HasMasks) AtomicFile.CreateFolder(Path.Combine(output, "masks"));
        var (written, turned) = (new List<ImageFolderRow>(rows.Count), new List<string>());
        foreach (var row in rows)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var target = row with { Name = Target(row.Name) };
            var (image, orientation, depth) = ImageFile.ReadNoting(folder.ImagePath(row), options.Orients);
            if (orientation != ImageOrientation.Upright) turned.Add(row.Name);
            if (image.Height < 2 || image.Width < 2)
                throw new ImageException(
                    $"'{folder.ImagePath(row)}' is {image.Width}x{image.Height} pixels; a deformation needs at least 2x2.");
            var mask = folder.HasMasks ? ReadMask(folder, row, image) : null;
            var map = options.Deformation.Draw(new SamplingGrid(image.Height, image.Width), options.Seed, written.Count);
            var path = Path.Combine(output, "images", target.Name);
            if (depth > 8) ImageFile.WriteWidePng(path, map.Apply(image));
            else ImageFile.WritePng(path, map.Apply(image));
            if (mask is not null) MaskFile.WritePng(Path.Combine(output, "masks", target.Name), mask.Deform(map));
            written.Add(target);
            progress?.Report(written.Count);
        }

        ImageFolder.WriteSplit(output, written);
        return new DeformedFolderResult(written.Count, turned);
    }

    private static string Target(string name) => Path.ChangeExtension(name, ".png");

    private static StoredMask ReadMask(ImageFolder folder, ImageFolderRow row, ImageBuffer image)
    {
        var path = folder.MaskPath(row);
        var mask = MaskFile.Read(path).ToEnds(path);
        return mask.Height == image.Height && mask.Width == image.Width
            ? mask
            : throw new DataException($"'{path}' is {mask.Width}x{mask.Height} pixels; its image is {image.Width}x{image.Height}.");
    }
}
