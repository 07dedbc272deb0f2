namespace DiffeoNN.Onnx.Training.Fit;

/// <summary>Keeps other fits, of this process or others, from a folder. The system lets go of it when the process ends, however it
/// ends.</summary>
internal sealed class FitLock : IDisposable
{
    private const string FileName = "lock";
    private readonly FileStream _file;

    private FitLock(FileStream file) => _file = file;

    /// <summary>Takes a folder.</summary>
    /// <param name="folder">Exists.</param>
    /// <returns>Null where another fit has it.</returns>
    /// <exception cref="UnauthorizedAccessException">The folder cannot be written to.</exception>
    public static FitLock? Take(string folder)
    {
        var path = Path.Combine(folder, FileName);
        try
        {
            // Removed while it is still held, so that nobody waits for a file that is gone.
            return new FitLock(new FileStream(
                path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 1, FileOptions.DeleteOnClose));
        }
        catch (IOException) when (File.Exists(path))
        {
            return null;
        }
    }

    /// <summary>Whether a file is such a lock.</summary>
    public static bool Is(string file) => Path.GetFileName(file) == FileName;

    /// <summary>Whether a fit has a folder at this moment.</summary>
    public static bool IsHeld(string folder)
    {
        var path = Path.Combine(folder, FileName);
        if (!File.Exists(path)) return false;
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
            return false;
        }
        catch (FileNotFoundException)
        {
            return false;
        }
        catch (IOException)
        {
            return true;
        }
        catch (UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();
}
