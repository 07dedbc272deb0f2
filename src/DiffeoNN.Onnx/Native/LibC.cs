using System.Runtime.InteropServices;

namespace DiffeoNN.Onnx.Native;

/// <summary>The few calls of the C library that .NET does not wrap; Linux only.</summary>
internal static partial class LibC
{
    private const int CurrentFolder = -100;
    private const uint BasicStatus = 0x7ff;
    private const int StatusSize = 256;
    private const int ArenaMaximum = -8;

    /// <summary>Effective user of this process.</summary>
    [LibraryImport("libc", EntryPoint = "geteuid")]
    public static partial uint EffectiveUser();

    /// <summary>Sets an environment variable where native libraries see it: .NET's own setter changes its private copy only.</summary>
    /// <returns>Whether it was set.</returns>
    public static bool SetVariable(string name, string value) => SetEnv(name, value, overwrite: 1) == 0;

    /// <summary>Limits the pools from which glibc serves threads; does nothing with other C libraries.</summary>
    public static void LimitArenas(int number)
    {
        try
        {
            _ = MallOpt(ArenaMaximum, number);
        }
        catch (EntryPointNotFoundException)
        {
            // musl has one pool.
        }
    }

    /// <summary>Gives what was freed back to the system, which glibc keeps where later pages of a pool are in use; does nothing with
    /// other C libraries.</summary>
    public static void Trim()
    {
        try
        {
            _ = MallocTrim(0);
        }
        catch (EntryPointNotFoundException)
        {
            // musl gives back by itself.
        }
    }

    /// <summary>Owner of a file or folder; links are followed.</summary>
    /// <exception cref="IOException">It is not there or cannot be reached.</exception>
    public static uint Owner(string path)
    {
        Span<byte> status = stackalloc byte[StatusSize];
        ReadStatus(path, status);
        return MemoryMarshal.Read<uint>(status[20..]);
    }

    /// <summary>Whether two paths lead to one file, by links of either kind.</summary>
    /// <exception cref="IOException">One is not there or cannot be reached.</exception>
    public static bool IsSameFile(string one, string other)
    {
        Span<byte> first = stackalloc byte[StatusSize], second = stackalloc byte[StatusSize];
        ReadStatus(one, first);
        ReadStatus(other, second);
        // Number of the file, and of the device it is on.
        return first[32..40].SequenceEqual(second[32..40]) && first[136..144].SequenceEqual(second[136..144]);
    }

    /// <summary>statx has the same layout on every architecture, unlike stat.</summary>
    private static void ReadStatus(string path, Span<byte> status)
    {
        if (StatX(CurrentFolder, path, 0, BasicStatus, ref MemoryMarshal.GetReference(status)) != 0)
            throw new IOException($"cannot read the status of '{path}': {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
    }

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int MallOpt(int parameter, int value);

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int MallocTrim(nuint keep);

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnv(string name, string value, int overwrite);

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int StatX(int folder, string path, int flags, uint mask, ref byte status);
}
