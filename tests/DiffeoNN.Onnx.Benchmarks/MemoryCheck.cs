using System.Runtime.InteropServices;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Energies;
using TorchSharp;

namespace DiffeoNN.Onnx.Benchmarks;

/// <summary>Whether many canonicalisations leave anything behind.</summary>
internal static class MemoryCheck
{
    private const int WarmUp = 50;
    private const int Runs = 200;

    /// <summary>Runs and prints; 0 if live tensors are constant and memory in use is within 5 % after warm-up, else 1.</summary>
    public static int Run(IEnergy energy, CanonicaliserOptions options, torch.Tensor images)
    {
        var canonicaliser = new Canonicaliser(energy, options with { Steps = 5 });
        (long Tensors, double InUse) Repeat(int runs, int total)
        {
            for (var i = 0; i < runs; i++)
                canonicaliser.Run(images).Dispose();
            var (tensors, resident) = (torch.Tensor.TotalCount, Measure.ResidentMegabytes());
            var inUse = MegabytesInUse();
            Console.WriteLine($"after {total,3} canonicalisations: {tensors} live tensors, {resident:f0} MB resident, {inUse:f0} MB in use");
            return (tensors, inUse);
        }

        var before = Repeat(WarmUp, WarmUp);
        var after = before;
        for (var done = 50; done <= Runs; done += 50)
            after = Repeat(50, WarmUp + done);
        var constant = after.Tensors == before.Tensors && after.InUse <= 1.05 * before.InUse;
        Console.WriteLine(
            $"{(constant ? "constant" : "GROWING")}: {after.Tensors - before.Tensors:+0;-0;0} tensors, "
            + $"{(after.InUse / before.InUse) - 1:+0.0 %;-0.0 %} in use");
        return constant ? 0 : 1;
    }

    // The collector and the C allocator keep pages they may need again, 200 to 300 MB here, and give them back when they like. Both are made
    // to, so that what is compared is what is in use; the resident memory printed beside it is as it was before.
    private static double MegabytesInUse()
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        GC.WaitForPendingFinalizers();
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        if (NativeLibrary.TryLoad("libc.so.6", out var libc) && NativeLibrary.TryGetExport(libc, "malloc_trim", out var trim))
            _ = Marshal.GetDelegateForFunctionPointer<MallocTrim>(trim)(0);
        return Measure.ResidentMegabytes();
    }

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate int MallocTrim(nint pad);
}
