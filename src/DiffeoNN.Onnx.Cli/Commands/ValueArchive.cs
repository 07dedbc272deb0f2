using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>An answer as numbers, as NumPy's <c>.npz</c>: a picture rounds to 8 bits, and shows the most probable class only, or the first
/// plane.</summary>
/// <remarks>float32: <c>probabilities</c> (K, H, W) of a segmentation, <c>planes</c> (C, H, W) of an image, both at the input's size;
/// <c>scores</c> (K) of a
/// classification; <c>points</c> (P, 2), column and row in the input's pixels. Those of the network alone have <c>naive_</c> before their
/// name.</remarks>
internal static class ValueArchive
{
    /// <summary>Writes the answer for one image.</summary>
    /// <exception cref="OutputException">The file cannot be written.</exception>
    public static void Write(string path, MappedOutput answer, MappedOutput? naive) => NumpyArchive.Write(path, archive =>
    {
        Add(archive, "", answer);
        if (naive is not null) Add(archive, "naive_", naive);
    });

    private static void Add(NumpyArchive archive, string prefix, MappedOutput answer)
    {
        if (answer.Channels > 0)
        {
            // Plane after plane: each is mapped by itself, so that none need be kept.
            var tiles = Enumerable.Range(0, answer.Channels).SelectMany(plane => answer.Tiles(plane));
            string name = answer.Kind == OutputKind.Segmentation ? "probabilities" : "planes";
            archive.Add(prefix + name, [answer.Channels, answer.Height, answer.Width], tiles.Select(tile => tile.Rows.Data.ToArray()));
            return;
        }

        var output = answer.ToOutput();
        if (output.Scores is { } scores) archive.Add($"{prefix}scores", [scores.Length], [scores]);
        if (output.Points is not { } points) return;
        float[] places = [.. points.SelectMany(point => new[] { (float)point.Column, (float)point.Row })];
        archive.Add($"{prefix}points", [points.Count, 2], [places]);
    }
}
