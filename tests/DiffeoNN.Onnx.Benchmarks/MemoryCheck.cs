using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Search;
using TorchSharp;

namespace DiffeoNN.Onnx.Benchmarks;

/// <summary>Whether many canonicalisations leave anything behind.</summary>
internal static class MemoryCheck
{
    private const int WarmUp = 100;
    private const int Runs = 200;
    private const double Tolerance = 0.05;

    /// <summary>Runs and prints; 0 if live tensors are constant and resident memory never exceeds that after warm-up by 5 %,
    /// else 1.</summary>
    /// <remarks>Resident memory as it is, neither collected nor trimmed.</remarks>
    public static int Run(IEnergy energy, SearchSpec options, torch.Tensor images)
    {
        var canonicaliser = new Canonicaliser(energy, options with { Steps = 5 });
        double highest = 0;
        for (var i = 0; i < WarmUp; i++) Step();
        var (tensors, resident) = (torch.Tensor.TotalCount, highest);
        Console.WriteLine($"after {WarmUp,3} canonicalisations: {tensors} live tensors, at most {resident:f0} MB resident");
        var constant = true;
        for (var done = WarmUp; done < WarmUp + Runs; done += 50)
        {
            highest = 0;
            for (var i = 0; i < 50; i++) Step();
            constant &= torch.Tensor.TotalCount == tensors && highest <= (1 + Tolerance) * resident;
            Console.WriteLine(
                $"after {done + 50,3} canonicalisations: {torch.Tensor.TotalCount} live tensors, at most {highest:f0} MB resident "
                + $"({(highest / resident) - 1:+0.0 %;-0.0 %})");
        }

        Console.WriteLine(constant ? "constant" : "GROWING");
        return constant ? 0 : 1;

        void Step()
        {
            canonicaliser.Run(images).Dispose();
            highest = Math.Max(highest, Measure.ResidentMegabytes());
        }
    }
}
