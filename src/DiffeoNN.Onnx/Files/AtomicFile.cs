using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Files;

/// <summary>Writes files whole: into a temporary file beside the target, which then takes its place. Links are followed; what exists and
/// is no regular
/// file (a pipe, a device, a standard stream) is written to as it stands.</summary>
public static class AtomicFile
{
    private const int BufferSize = 1 << 16;

    /// <summary>Creates or replaces a file; on failure the target stays as it was and the temporary file is removed.</summary>
    /// <param name="path">The target; its folder must exist.</param>
    /// <param name="write">Writes the content to the stream it is given.</param>
    /// <exception cref="OutputException">The file cannot be written; names the file and the reason.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(write);
        string? temporary = null;
        try
        {
            if (SpecialFile.IsWrittenInPlace(path))
            {
                using var direct = new BufferedStream(SpecialFile.OpenWrite(path), BufferSize);
                write(direct);
                return;
            }

            var target = SpecialFile.Target(path);
            temporary = Path.Combine(Path.GetDirectoryName(target) ?? ".", $".{Path.GetFileName(target)}.{Guid.NewGuid():N}.tmp");
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write)) write(stream);
            File.Move(temporary, target, overwrite: true);
        }
        catch (Exception e)
        {
            if (temporary is not null) TryDelete(temporary);
            if (e is IOException or UnauthorizedAccessException)
                throw new OutputException(
                    $"Cannot write '{path}': {(e is DirectoryNotFoundException ? "its folder does not exist." : e.Message)}", e);
            throw;
        }
    }

    /// <summary>Creates or replaces a file, as <see cref="Write(string, Action{Stream})"/>.</summary>
    /// <param name="path">The target; its folder must exist.</param>
    /// <param name="content">Its content.</param>
    /// <exception cref="OutputException">The file cannot be written; names the file and the reason.</exception>
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        var bytes = content.ToArray();
        Write(path, stream => stream.Write(bytes));
    }

    /// <summary>Creates or replaces a text file in UTF-8 without a byte order mark, as
    /// <see cref="Write(string, Action{Stream})"/>.</summary>
    /// <param name="path">The target; its folder must exist.</param>
    /// <param name="text">Its content.</param>
    /// <exception cref="OutputException">The file cannot be written; names the file and the reason.</exception>
    public static void WriteText(string path, string text) => Write(path, stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(text)));

    /// <summary>Whether a path leads to what is written to as it stands instead of being replaced, and cannot be read back: a pipe, a
    /// device, a standard
    /// stream.</summary>
    /// <param name="path">The target.</param>
    public static bool IsWrittenInPlace(string path) => SpecialFile.IsWrittenInPlace(path);

    /// <summary>Creates a folder, and those above it, where missing.</summary>
    /// <param name="path">The folder.</param>
    /// <exception cref="OutputException">It cannot be created; names the folder and the reason.</exception>
    public static void CreateFolder(string path)
    {
        try
        {
            Directory.CreateDirectory(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OutputException($"Cannot create the folder '{path}': {e.Message}", e);
        }
    }

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The first failure is the one to report.
        }
    }
}
