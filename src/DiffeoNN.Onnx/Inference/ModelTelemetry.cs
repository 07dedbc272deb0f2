using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace DiffeoNN.Onnx.Inference;

/// <summary>What models tell of themselves by .NET's own means: activities for traces and logs, and instruments for metrics. Nothing is
/// done for them while nobody listens.</summary>
/// <remarks>Instruments: <c>diffeonn.images</c>, <c>diffeonn.images.refused</c> (images whose map was not used) and
/// <c>diffeonn.run.duration</c> in seconds, each with the tags bundle, kind and, after failures, error.type.</remarks>
public static class ModelTelemetry
{
    /// <summary>Name of the activity source and of the meter.</summary>
    public const string Name = "DiffeoNN.Onnx";

    /// <summary>The activity of <c>EquivariantModel.Load</c>.</summary>
    public const string LoadActivity = "diffeonn.load";

    /// <summary>The activity of a run over a batch, by whichever method.</summary>
    public const string RunActivity = "diffeonn.run";

    /// <summary>Tag: the bundle's name.</summary>
    public const string BundleTag = "diffeonn.bundle";

    /// <summary>Tag of a load: what was taken and why.</summary>
    public const string DeviceTag = "diffeonn.device";

    /// <summary>Tag of a run: <c>equivariant</c>, or <c>naive</c> for the network alone.</summary>
    public const string KindTag = "diffeonn.kind";

    /// <summary>Tag of a run: number of images.</summary>
    public const string ImagesTag = "diffeonn.images";

    /// <summary>Tag of a run: steps of the longest search.</summary>
    public const string StepsTag = "diffeonn.steps";

    /// <summary>Tag of a run: images whose map was not used.</summary>
    public const string RefusedTag = "diffeonn.refused";

    /// <summary>Tag of what failed: the exception's type.</summary>
    public const string ErrorTag = "error.type";

    [ThreadStatic]
    private static bool _isUncounted;

    private const string ModelProperty = "diffeonn.model";

    private static readonly ActivitySource Source = new(Name);
    private static readonly Meter Meter = new(Name);
    private static readonly Counter<long> Images = Meter.CreateCounter<long>("diffeonn.images", "{image}", "Images that were run.");
    private static readonly Counter<long> Refused =
        Meter.CreateCounter<long>("diffeonn.images.refused", "{image}", "Images whose map was not used.");

    private static readonly Histogram<double> Duration =
        Meter.CreateHistogram<double>("diffeonn.run.duration", "s", "Time of a run over a batch.");

    /// <summary>The model that a run's activity is of; null for other activities.</summary>
    /// <param name="activity">The activity.</param>
    public static EquivariantModel? ModelOf(Activity activity)
    {
        ArgumentNullException.ThrowIfNull(activity);
        return activity.GetCustomProperty(ModelProperty) as EquivariantModel;
    }

    /// <summary>Does something whose runs on this thread are not counted: those by which a server tries its models.</summary>
    internal static T Uncounted<T>(Func<T> work)
    {
        var before = _isUncounted;
        _isUncounted = true;
        try
        {
            return work();
        }
        finally
        {
            _isUncounted = before;
        }
    }

    internal static EquivariantModel Load(Func<EquivariantModel> load)
    {
        using var activity = Source.StartActivity(LoadActivity);
        try
        {
            var model = load();
            activity?.SetTag(BundleTag, model.Bundle.Name).SetTag(DeviceTag, model.Device.Reason)
                .SetCustomProperty(ModelProperty, model);
            return model;
        }
        catch (Exception error)
        {
            Fail(activity, error);
            throw;
        }
    }

    /// <summary>Runs a batch and tells of it.</summary>
    /// <param name="model">Whose it is.</param>
    /// <param name="kind">For <see cref="KindTag"/>.</param>
    /// <param name="images">How many.</param>
    /// <param name="run">Does it.</param>
    /// <param name="outcome">Steps and refused images of what it gave.</param>
    internal static T Run<T>(EquivariantModel model, string kind, int images, Func<T> run, Func<T, (int Steps, int Refused)> outcome)
    {
        using var activity = Source.StartActivity(RunActivity);
        var tags = new TagList { { BundleTag, model.Bundle.Name }, { KindTag, kind } };
        activity?.SetTag(BundleTag, model.Bundle.Name).SetTag(KindTag, kind).SetTag(ImagesTag, images)
            .SetCustomProperty(ModelProperty, model);
        var start = Stopwatch.GetTimestamp();
        try
        {
            var result = run();
            if (!_isUncounted) Images.Add(images, tags);
            if (activity is not null || Refused.Enabled)
            {
                var (steps, refused) = outcome(result);
                if (!_isUncounted) Refused.Add(refused, tags);
                activity?.SetTag(StepsTag, steps).SetTag(RefusedTag, refused);
            }

            return result;
        }
        catch (Exception error)
        {
            Fail(activity, error);
            tags.Add(ErrorTag, error.GetType().FullName);
            throw;
        }
        finally
        {
            if (!_isUncounted) Duration.Record(Stopwatch.GetElapsedTime(start).TotalSeconds, tags);
        }
    }

    private static void Fail(Activity? activity, Exception error) =>
        activity?.SetStatus(ActivityStatusCode.Error, error.Message).SetTag(ErrorTag, error.GetType().FullName).AddException(error);
}
