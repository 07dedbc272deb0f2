using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Imaging;
using TorchSharp;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>Velocity and displacements of an image as NumPy's <c>.npz</c>, for whoever wants to look at them elsewhere.</summary>
/// <remarks>Arrays <c>velocity</c>, <c>displacement</c>, <c>inverse_displacement</c>: float32, shape (2, H, W), component 0 is x, in the
/// library's unit. Format: NumPy Enhancement Proposal 1, version 1.0.</remarks>
internal static class FieldArchive
{
    /// <summary>Writes the fields of one image of a batch.</summary>
    /// <exception cref="OutputException">The file cannot be written.</exception>
    public static void Write(string path, CanonicalisationResult fields, int index)
    {
        AtomicFile.Write(path, stream =>
        {
            using var archive = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true);
            Add(archive, "velocity", fields.Velocity, index);
            Add(archive, "displacement", fields.Displacement, index);
            Add(archive, "inverse_displacement", fields.InverseDisplacement, index);
        });
    }

    private static void Add(ZipArchive archive, string name, torch.Tensor batch, int index)
    {
        using var scope = torch.NewDisposeScope();
        var field = batch[index].to_type(torch.ScalarType.Float32).cpu().contiguous();
        var header = $"{{'descr': '<f4', 'fortran_order': False, 'shape': ({string.Join(", ", field.shape)}), }}";
        // Magic (6), version (2) and length (2) together with the header fill a multiple of 64 bytes and end in a line feed.
        header = header.PadRight((((header.Length + 11 + 63) / 64) * 64) - 11) + "\n";
        var entry = archive.CreateEntry($"{name}.npy", CompressionLevel.Fastest);
        entry.LastWriteTime = new DateTimeOffset(1980, 1, 1, 0, 0, 0, TimeSpan.Zero); // same fields, same bytes
        using var stream = entry.Open();
        stream.Write([0x93, .. "NUMPY"u8, 1, 0, (byte)header.Length, (byte)(header.Length >> 8)]);
        stream.Write(Encoding.ASCII.GetBytes(header));
        stream.Write(MemoryMarshal.AsBytes<float>(field.data<float>().ToArray()));
    }
}
