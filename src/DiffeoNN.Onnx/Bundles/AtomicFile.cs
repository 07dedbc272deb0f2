namespace DiffeoNN.Onnx.Bundles;

/// <summary>Writes files of a bundle so that nobody sees half of one.</summary>
internal static class AtomicFile
{
    /// <summary>Writes beside the file, then renames.</summary>
    /// <exception cref="BundleException">The folder cannot be written.</exception>
    public static void Write(string path, byte[] content)
    {
        var temporary = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            File.WriteAllBytes(temporary, content);
            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            File.Delete(temporary);
            throw new BundleException($"'{path}' cannot be written: {error.Message}", error);
        }
    }
}
