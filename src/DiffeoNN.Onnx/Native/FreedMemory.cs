namespace DiffeoNN.Onnx.Native;

/// <summary>Memory that is free and still counts as this process's.</summary>
internal static class FreedMemory
{
    /// <summary>Gives back to the system what a model left: the files it was read from, which the collector would keep for minutes, and
    /// what the C allocator holds. Tens of milliseconds; runs of other models go on.</summary>
    public static void Return()
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: false);
        if (OperatingSystem.IsLinux()) LibC.Trim();
    }
}
