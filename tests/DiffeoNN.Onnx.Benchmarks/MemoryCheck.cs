using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Energies;
using TorchSharp;

namespace DiffeoNN.Onnx.Benchmarks;

/// <summary>Whether many canonicalisations leave anything behind.</summary>
internal static class MemoryCheck
{
    private const int WarmUp = 50;
    private const int Runs = 200;

    /// <summary>Runs and prints; 0 if live tensors are constant and resident memory is within 5 % after warm-up, else 1.</summary>
    public static int Run(IEnergy energy, CanonicaliserOptions options, torch.Tensor images)
    {
        var canonicaliser = new Canonicaliser(energy, options with { Steps = 5 });
        void Repeat(int runs)
        {
            for (var i = 0; i < runs; i++)
                canonicaliser.Run(images).Dispose();
        }

        Repeat(WarmUp);
        var (tensors, before) = Now();
        Console.WriteLine($"after {WarmUp,3} canonicalisations: {tensors} live tensors, {before:f1} MB resident");
        var (still, after) = (tensors, before);
        for (var done = 50; done <= Runs; done += 50)
        {
            Repeat(50);
            (still, after) = Now();
            Console.WriteLine($"after {WarmUp + done,3} canonicalisations: {still} live tensors, {after:f1} MB resident");
        }

        var constant = still == tensors && after <= 1.05 * before;
        Console.WriteLine($"{(constant ? "constant" : "GROWING")}: {still - tensors:+0;-0;0} tensors, {(after / before) - 1:+0.0 %;-0.0 %}");
        return constant ? 0 : 1;
    }

    private static (long Tensors, double Megabytes) Now()
    {
        // Aggressive: gives free pages back, so that what is counted is what is in use.
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        GC.WaitForPendingFinalizers();
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        return (torch.Tensor.TotalCount, Measure.ResidentMegabytes());
    }
}
