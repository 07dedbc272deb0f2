using System.Runtime.InteropServices;

namespace DiffeoNN.Onnx.Gradients;

/// <summary>Files that are no regular ones: pipes, devices, the standard streams. They are opened and written to, never replaced, and not
/// read where a
/// file is expected.</summary>
internal static partial class SpecialFile
{
    private const int CurrentFolder = -100;
    private const uint BasicStatus = 0x7ff;
    private const int StatusSize = 256;
    private const int ModeAt = 28;
    private const int KindMask = 0xF000;
    private const int Regular = 0x8000;
    private const int Folder = 0x4000;

    /// <summary>Whether a path leads to something that is neither a regular file nor a folder; links are followed. False where nothing is
    /// there.</summary>
    public static bool Is(string path)
    {
        if (OperatingSystem.IsWindows()) return path.StartsWith(@"\\.\", StringComparison.Ordinal);
        if (OperatingSystem.IsLinux())
        {
            try
            {
                // statx has the same layout on every architecture, unlike stat.
                Span<byte> status = stackalloc byte[StatusSize];
                if (StatX(CurrentFolder, path, 0, BasicStatus, ref MemoryMarshal.GetReference(status)) != 0) return false;
                return (MemoryMarshal.Read<ushort>(status[ModeAt..]) & KindMask) is not (Regular or Folder);
            }
            catch (EntryPointNotFoundException)
            {
                // A C library before 2018.
            }
        }

        // Whatever has no bytes may be written in place: an empty file loses nothing by it.
        if (!File.Exists(path)) return false;
        var file = new FileInfo(path);
        return (file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? file).Length == 0;
    }

    /// <summary>Where a regular file that is written under a path lies in truth: links are followed, also where they lead to nothing
    /// yet.</summary>
    /// <exception cref="IOException">Links do not end.</exception>
    public static string Target(string path)
    {
        var full = Path.GetFullPath(path);
        return new FileInfo(full).LinkTarget is null ? full : File.ResolveLinkTarget(full, returnFinalTarget: true)!.FullName;
    }

    /// <summary>Opens a special file to write to; one of the standard streams as this process has it, so that what it prints itself comes
    /// in order.</summary>
    /// <exception cref="IOException">It cannot be opened.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written.</exception>
    public static Stream OpenWrite(string path) => StandardStream(path) switch
    {
        1 => Console.OpenStandardOutput(),
        2 => Console.OpenStandardError(),
        _ => new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0),
    };

    /// <summary>Whether a path is written to as it stands: a special file, or a standard stream, which may lead to a regular
    /// file.</summary>
    public static bool IsWrittenInPlace(string path) => StandardStream(path) > 0 || Is(path);

    private static int StandardStream(string path) => OperatingSystem.IsWindows() ? 0 : Path.GetFullPath(path) switch
    {
        "/dev/stdout" or "/dev/fd/1" or "/proc/self/fd/1" => 1,
        "/dev/stderr" or "/dev/fd/2" or "/proc/self/fd/2" => 2,
        _ => 0,
    };

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StatX(int folder, string path, int flags, uint mask, ref byte status);
}
