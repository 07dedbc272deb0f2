using System.Diagnostics.Metrics;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Inference;

namespace DiffeoNN.Onnx.Serving.Scheduling;

/// <summary>What a bundle's batches do, by .NET's own instruments; nothing is computed for them while nobody listens.</summary>
internal sealed class ServingMeter
{
    /// <summary>Name of the meter.</summary>
    public const string Name = "DiffeoNN.Onnx.Serving";

    private static readonly Meter Meter = new(Name);
    private static readonly Counter<long> Steps = Meter.CreateCounter<long>(
        "diffeonn.steps", "{step}", "Steps that batches took.");

    private static readonly Histogram<double> StepDuration = Meter.CreateHistogram("diffeonn.step.duration", "s",
        "Time of a step of a batch.", advice: Buckets([0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]));

    private static readonly Histogram<double> Rows = Meter.CreateHistogram("diffeonn.batch.images", "{image}",
        "Images that took part in a step.", advice: Buckets([1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64]));

    private static readonly Counter<long> Outcomes = Meter.CreateCounter<long>(
        "diffeonn.searches", "{image}", "Images that left a batch, by how they did.");

    private static readonly Counter<long> Refusals = Meter.CreateCounter<long>(
        "diffeonn.refusals", "{image}", "Images whose map was not used, by the reason.");

    private static readonly Histogram<double> Decrease = Meter.CreateHistogram("diffeonn.energy.decrease", "1",
        "Share of its energy that an image lost.", advice: Buckets([0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]));

    private static readonly Histogram<double> SearchSteps = Meter.CreateHistogram("diffeonn.search.steps", "{step}",
        "Steps of an image's search.", advice: Buckets([0, 1, 5, 10, 20, 40, 80, 160, 320, 640]));

    private static readonly Counter<long> Folds = Meter.CreateCounter<long>(
        "diffeonn.folds", "{image}", "Images whose map that was found folds.");

    private readonly KeyValuePair<string, object?> _model;
    private long _taken;

    /// <param name="model">The model's name.</param>
    public ServingMeter(string model) => _model = new("model", model);

    /// <summary>Steps that were taken.</summary>
    public long Taken => Interlocked.Read(ref _taken);

    /// <summary>A step was taken.</summary>
    public void Step(int rows, TimeSpan time)
    {
        Interlocked.Increment(ref _taken);
        Steps.Add(1, _model);
        Rows.Record(rows, _model);
        StepDuration.Record(time.TotalSeconds, _model);
    }

    /// <summary>An image left a batch.</summary>
    public void Finish(FinishedImage image)
    {
        Outcomes.Add(1, _model, new("outcome", Word(image.Outcome)));
        if (image.Result is not { } result) return;
        var found = result.Canonicalisation(0);
        SearchSteps.Record(found.Steps, _model);
        if (found.InputEnergy > 0) Decrease.Record(Math.Max(0, 1 - (found.CanonicalEnergy / found.InputEnergy)), _model);
        if (found.FoundDiagnostics.MinimumDeterminant <= 0) Folds.Add(1, _model);
        if (found.Refusal is { } refusal) Refusals.Add(1, _model, new("reason", $"{refusal.Reason}"));
    }

    private static string Word(RowOutcome outcome) => outcome switch
    {
        RowOutcome.Complete => "complete",
        RowOutcome.BestAtDeadline => "best_at_deadline",
        RowOutcome.DeadlineExceeded => "deadline_exceeded",
        RowOutcome.Cancelled => "cancelled",
        _ => "failed",
    };

    private static InstrumentAdvice<double> Buckets(double[] limits) => new() { HistogramBucketBoundaries = limits };
}
