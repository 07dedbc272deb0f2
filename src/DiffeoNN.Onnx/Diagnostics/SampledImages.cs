using System.Collections;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Diagnostics;

/// <summary>Images of files, of which large ones are read anew whenever they are asked for, so that at most one of those is in
/// memory.</summary>
internal sealed class SampledImages : IReadOnlyList<ImageBuffer>
{
    /// <summary>Numbers of an image up to which it is kept.</summary>
    private const int MostKept = 1 << 22;

    private readonly List<(string File, ImageBuffer? Kept)> _images = [];

    /// <inheritdoc/>
    public int Count => _images.Count;

    /// <inheritdoc/>
    public ImageBuffer this[int index] => _images[index].Kept ?? ImageFile.Read(_images[index].File);

    /// <summary>Adds an image.</summary>
    /// <exception cref="ImageException">It cannot be read.</exception>
    public void Add(string file)
    {
        var image = ImageFile.Read(file);
        _images.Add((file, image.Data.Length <= MostKept ? image : null));
    }

    /// <inheritdoc/>
    public IEnumerator<ImageBuffer> GetEnumerator() => Enumerable.Range(0, Count).Select(i => this[i]).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
