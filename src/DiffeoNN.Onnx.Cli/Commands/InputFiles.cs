using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>The images a command line names.</summary>
internal static class InputFiles
{
    /// <summary>A file itself, or the images directly inside a folder but for hidden ones, sorted by name.</summary>
    /// <exception cref="ImageException">Nothing is there, or the folder holds no image.</exception>
    /// <exception cref="UsageException">Two files would write the same results.</exception>
    public static IReadOnlyList<string> List(string path)
    {
        if (File.Exists(path)) return [path];
        if (!Directory.Exists(path)) throw new ImageException($"Input '{path}' does not exist; expected an image file or a folder of images.");
        var files = ImageFile.ListFolder(path);
        if (files.Count == 0)
        {
            var hint = Directory.Exists(Path.Combine(path, "images")) ? " Its subfolder images/ may be what you mean." : "";
            throw new ImageException($"Folder '{path}' holds no image files ({string.Join(", ", ImageFile.Extensions)}).{hint}");
        }

        var clash = files.GroupBy(Path.GetFileNameWithoutExtension).FirstOrDefault(group => group.Count() > 1);
        return clash is null
            ? files
            : throw new UsageException($"Images {string.Join(" and ", clash.Select(file => $"'{file}'"))} would write the same results '{clash.Key}.*'; rename one.");
    }
}
