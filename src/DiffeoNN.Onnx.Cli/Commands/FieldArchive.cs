using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Imaging;
using TorchSharp;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>Velocity and displacements of an image as NumPy's <c>.npz</c>, for whoever wants to look at them elsewhere.</summary>
/// <remarks>Arrays <c>velocity</c>, <c>displacement</c>, <c>inverse_displacement</c>: float32, shape (2, H, W), component 0 is x, in the
/// library's unit.</remarks>
internal static class FieldArchive
{
    /// <summary>Writes the fields of one image of a batch.</summary>
    /// <exception cref="OutputException">The file cannot be written.</exception>
    public static void Write(string path, CanonicalisationResult fields, int index) => NumpyArchive.Write(path, archive =>
    {
        Add(archive, "velocity", fields.Velocity, index);
        Add(archive, "displacement", fields.Displacement, index);
        Add(archive, "inverse_displacement", fields.InverseDisplacement, index);
    });

    private static void Add(NumpyArchive archive, string name, torch.Tensor batch, int index)
    {
        using var scope = torch.NewDisposeScope();
        var field = batch[index].to_type(torch.ScalarType.Float32).cpu().contiguous();
        archive.Add(name, field.shape, [field.data<float>().ToArray()]);
    }
}
