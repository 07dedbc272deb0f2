using System.Diagnostics;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Search;
using TorchSharp;

namespace DiffeoNN.Onnx.Benchmarks;

/// <summary>Runs either side with warm-up and takes medians.</summary>
internal static class Measure
{
    /// <summary>This library.</summary>
    /// <param name="name">Of the row.</param>
    /// <param name="energy">Its energy.</param>
    /// <param name="options">Its options; all steps are taken.</param>
    /// <param name="images">The batch.</param>
    /// <param name="steps">Measured steps.</param>
    /// <param name="imageSteps">Steps the time of an image is stated for.</param>
    /// <param name="fields">What computes fields; libtorch if null.</param>
    public static StepTimes Library(
        string name, IEnergy energy, SearchSpec options, torch.Tensor images, int steps, int imageSteps,
        ISearchFields? fields = null)
    {
        options = options with { Patience = 0 };
        new Canonicaliser(energy, options with { Steps = 3 }, fields).Run(images).Dispose();
        var listener = new StepListener();
        using var result = new Canonicaliser(energy, options with { Steps = steps }, fields).Run(images, progress: listener);
        var (batch, median) = ((int)images.size(0), Median(listener.Steps));
        // Once an image, not once a step: inverse, canonical image, measures.
        var image = ((median * imageSteps) + result.Times.Diagnostics.TotalMilliseconds) / batch;
        return StepTimes.From(name, batch, steps, result.Times, median, image, listener.Megabytes);
    }

    /// <summary>The published recipe, one image.</summary>
    public static StepTimes Recipe(string name, PublishedRecipe recipe, int steps, int imageSteps)
    {
        recipe.Step();
        var before = recipe.Clock.Times();
        var (times, megabytes) = (new List<double>(), 0.0);
        for (var i = 0; i < steps; i++)
        {
            var start = Stopwatch.GetTimestamp();
            recipe.Step();
            times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            megabytes = Math.Max(megabytes, ResidentMegabytes());
        }

        var after = recipe.Clock.Times();
        var stages = new StageTimes(
            after.EnergyGradient - before.EnergyGradient, TimeSpan.Zero, after.Field - before.Field,
            after.Exponential - before.Exponential, after.Warp - before.Warp,
            after.Regularisers - before.Regularisers, after.Optimiser - before.Optimiser, TimeSpan.Zero, after.Total - before.Total);
        return StepTimes.From(name, 1, steps, stages, Median(times), Median(times) * imageSteps, megabytes);
    }

    /// <summary>Resident memory of this process.</summary>
    public static double ResidentMegabytes() => Environment.WorkingSet / 1e6;

    private static double Median(IReadOnlyList<double> values)
    {
        var sorted = values.Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    private sealed class StepListener : IProgress<CanonicalisationProgress>
    {
        private TimeSpan _last;

        public List<double> Steps { get; } = [];

        public double Megabytes { get; private set; }

        public void Report(CanonicalisationProgress value)
        {
            // From one evaluation to the next; the last has no gradient and would not be typical.
            if (value.Step > 0 && value.Step < value.Steps)
                Steps.Add((value.Elapsed - _last).TotalMilliseconds);
            _last = value.Elapsed;
            Megabytes = Math.Max(Megabytes, ResidentMegabytes());
        }
    }
}
