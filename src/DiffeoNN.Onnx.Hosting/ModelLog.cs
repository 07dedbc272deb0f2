using System.Diagnostics;
using DiffeoNN.Onnx.Inference;
using Microsoft.Extensions.Logging;

namespace DiffeoNN.Onnx.Hosting;

/// <summary>Writes a log entry for each run of one model, from the activities that the library writes.</summary>
internal sealed class ModelLog : IDisposable
{
    private readonly string _name;
    private readonly ILogger _logger;
    private readonly EquivariantModel _model;
    private readonly ActivityListener _listener;
    private volatile string? _fault;

    /// <summary>Listens until it is disposed.</summary>
    public ModelLog(string name, EquivariantModel model, ILogger logger)
    {
        (_name, _model, _logger) = (name, model, logger);
        _listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == ModelTelemetry.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> options) =>
                options.Name == ModelTelemetry.RunActivity ? ActivitySamplingResult.AllData : ActivitySamplingResult.None,
            ActivityStopped = Stopped,
        };
        ActivitySource.AddActivityListener(_listener);
    }

    /// <summary>What went wrong in the last run, where it was no fault of the request's; null for nothing.</summary>
    public string? Fault => _fault;

    /// <inheritdoc/>
    public void Dispose() => _listener.Dispose();

    private void Stopped(Activity activity)
    {
        if (activity.OperationName != ModelTelemetry.RunActivity || !ReferenceEquals(ModelTelemetry.ModelOf(activity), _model)) return;
        var images = Number(activity, ModelTelemetry.ImagesTag);
        var (kind, seconds) = ((string)activity.GetTagItem(ModelTelemetry.KindTag)!, activity.Duration.TotalSeconds);
        if (activity.Status != ActivityStatusCode.Error)
        {
            _fault = null;
            ModelMessages.Ran(_logger, _name, kind, images, Number(activity, ModelTelemetry.StepsTag),
                Number(activity, ModelTelemetry.RefusedTag), seconds);
            return;
        }

        var type = (string)activity.GetTagItem(ModelTelemetry.ErrorTag)!;
        if (type == typeof(OperationCanceledException).FullName || type == typeof(TaskCanceledException).FullName)
        {
            ModelMessages.Cancelled(_logger, _name, images, seconds);
            return;
        }

        // Images that a bundle does not take say nothing of the model.
        if (type != typeof(Imaging.ImageException).FullName && type?.StartsWith("System.Argument", StringComparison.Ordinal) != true)
            _fault = activity.StatusDescription;
        ModelMessages.Failed(_logger, _name, images, seconds, type!, activity.StatusDescription ?? "");
    }

    private static int Number(Activity activity, string tag) => activity.GetTagItem(tag) is int number ? number : 0;
}
