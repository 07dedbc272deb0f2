using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Files;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>An answer as numbers, as NumPy's <c>.npz</c>: a picture rounds to 8 bits, and shows the most probable class only, or the first
/// plane.</summary>
/// <remarks>float32, as <see cref="MappedOutput.ToArrays"/> gives them. Those of the network alone have <c>naive_</c> before their names;
/// of several outputs, each array has its answer's name before its own.</remarks>
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
        foreach (var one in answer.All)
        {
            var own = answer.Further.Count == 0 ? "" : $"{one.Name}_";
            foreach (var array in one.ToArrays()) archive.Add(prefix + own + array.Name, array.Shape, array.Parts);
        }
    }
}
