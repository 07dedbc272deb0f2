using DiffeoNN.Onnx.Canonicalisation;

namespace DiffeoNN.Onnx.Benchmarks;

/// <summary>Milliseconds of one step, for all images of the batch together.</summary>
/// <param name="Name">Whose.</param>
/// <param name="Batch">Images.</param>
/// <param name="Step">Median of whole steps.</param>
/// <param name="EnergyGradient">Mean of the stage, like those that follow; where fields are graphs, of the whole graph of a step.</param>
/// <param name="Field">Parameters to velocity and back.</param>
/// <param name="Exponential">Velocity to displacement and back.</param>
/// <param name="Warp">Resampling and back.</param>
/// <param name="Regularisers">Both, and back.</param>
/// <param name="Optimiser">Adam.</param>
/// <param name="Image">Milliseconds of a whole canonicalisation, one image.</param>
/// <param name="ResidentMegabytes">Largest resident memory of the process while it ran.</param>
internal sealed record StepTimes(
    string Name, int Batch, double Step, double EnergyGradient, double Field, double Exponential, double Warp, double Regularisers,
    double Optimiser, double Image, double ResidentMegabytes)
{
    /// <summary>Everything but the energy networks.</summary>
    public double Others => Field + Exponential + Warp + Regularisers + Optimiser;

    /// <summary>The same relative to them.</summary>
    public double OthersToEnergy => Others / EnergyGradient;

    public static StepTimes From(string name, int batch, int steps, StageTimes times, double medianStep, double image, double megabytes)
    {
        double PerStep(TimeSpan time) => time.TotalMilliseconds / steps;
        return new StepTimes(
            name, batch, medianStep, PerStep(times.EnergyGradient + times.SearchGraph), PerStep(times.Field), PerStep(times.Exponential),
            PerStep(times.Warp), PerStep(times.Regularisers), PerStep(times.Optimiser), image, megabytes);
    }

    public static void PrintHeader() => Console.WriteLine(
        $"{"ms a step",-34} {"step",8} {"energy",8} {"field",8} {"exp",8} {"warp",8} {"regul.",8} {"adam",8} "
        + $"{"others/energy",14} {"s an image",11} {"MB",7}");

    public void Print() => Console.WriteLine(
        $"{Name,-34} {Step,8:f2} {EnergyGradient,8:f2} {Field,8:f2} {Exponential,8:f2} {Warp,8:f2} {Regularisers,8:f2} {Optimiser,8:f2} "
        + $"{OthersToEnergy,14:f3} {Image / 1000,11:f2} {ResidentMegabytes,7:f0}");
}
