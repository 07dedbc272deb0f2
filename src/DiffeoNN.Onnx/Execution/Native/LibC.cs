using System.Runtime.InteropServices;

namespace DiffeoNN.Onnx.Execution.Native;

/// <summary>The few calls of the C library that .NET does not wrap; Linux only.</summary>
internal static partial class LibC
{
    private const int CurrentFolder = -100;
    private const uint MaskMode = 2, MaskOwner = 8;

    /// <summary>Effective user of this process.</summary>
    [LibraryImport("libc", EntryPoint = "geteuid")]
    public static partial uint EffectiveUser();

    /// <summary>Sets an environment variable where native libraries see it: .NET's own setter changes its private copy only.</summary>
    /// <returns>Whether it was set.</returns>
    public static bool SetVariable(string name, string value) => SetEnv(name, value, overwrite: 1) == 0;

    /// <summary>Owner of a file or folder; links are followed.</summary>
    /// <exception cref="IOException">It is not there or cannot be reached.</exception>
    public static uint Owner(string path)
    {
        // statx has the same layout on every architecture, unlike stat: owner at byte 20, the whole structure takes 256.
        Span<byte> status = stackalloc byte[256];
        if (StatX(CurrentFolder, path, 0, MaskMode | MaskOwner, ref MemoryMarshal.GetReference(status)) != 0)
            throw new IOException($"cannot read the owner of {path}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
        return MemoryMarshal.Read<uint>(status[20..]);
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnv(string name, string value, int overwrite);

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int StatX(int folder, string path, int flags, uint mask, ref byte status);
}
