using System.Security.Cryptography;
using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Bundles;

/// <summary>Reads a bundle's model file, whose bytes must be those the manifest vouches for.</summary>
internal static class ModelReading
{
    public static OnnxModel Read(ModelPlace place)
    {
        byte[] bytes;
        try
        {
            bytes = RegularFile.ReadAllBytes(place.Path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw place.Refuse(System.IO.File.Exists(place.Path) ? $"cannot be read: {error.Message}" : "no such file.", error);
        }

        var hash = Convert.ToHexStringLower(SHA256.HashData(bytes));
        if (hash != place.File.Sha256)
        {
            throw place.Refuse(
                $"SHA-256 is {hash}, the manifest says {place.File.Sha256}; the file was changed or damaged after the bundle was made.");
        }

        try
        {
            return OnnxModel.Parse(bytes);
        }
        catch (OnnxModelException error)
        {
            throw place.Refuse(
                HasExternalData(place.Path)
                    ? "keeps weights in a second file, which the manifest's hash does not cover; pack them into one file, "
                        + "as BundleBuilder.Add does."
                    : error.Message,
                error);
        }
    }

    /// <summary>A model that reads from its file but not from its bytes lacks only what lies beside it.</summary>
    private static bool HasExternalData(string path)
    {
        try
        {
            _ = OnnxModel.Load(path);
            return true;
        }
        catch (Exception error) when (error is OnnxModelException or IOException)
        {
            return false;
        }
    }
}
