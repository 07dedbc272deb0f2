using System.Diagnostics.Metrics;
using DiffeoNN.Onnx.Serving.Protocol;
using DiffeoNN.Onnx.Serving.Repository;

namespace DiffeoNN.Onnx.Serving.Server;

/// <summary>What models have done since they were loaded, under the names that Triton's metrics have where they mean the same.</summary>
/// <remarks>Triton's counters have no suffix <c>_total</c>, and begin anew where a version is loaded anew; they are gauges here, which
/// checkers of metrics take as they are.</remarks>
internal sealed class RepositoryMeter : IDisposable
{
    /// <summary>Name of the meter.</summary>
    public const string Name = "DiffeoNN.Onnx.Serving.Repository";

    private readonly Meter _meter = new(Name);

    /// <param name="repository">Is asked whenever metrics are.</param>
    public RepositoryMeter(ModelRepository repository)
    {
        Add("nv_inference_request_success", "Requests that were answered.", one => one.Success.Count);
        Add("nv_inference_request_failure", "Requests that failed.", one => one.Fail.Count);
        Add("nv_inference_count", "Images, or rows, that were computed.", one => one.InferenceCount);
        Add("nv_inference_exec_count", "Requests that were computed.", one => one.ExecutionCount);
        Add("nv_inference_request_duration_us", "Time of requests, in microseconds.", one => one.Success.Nanoseconds / 1000);
        Add("nv_inference_queue_duration_us", "Time that requests waited, in microseconds.", one => one.Queue.Nanoseconds / 1000);
        Add("nv_inference_compute_infer_duration_us", "Time of their computation, in microseconds.", one => one.Infer.Nanoseconds / 1000);
        _meter.CreateObservableGauge("nv_inference_pending_request_count", () => repository.Pending().Select(one =>
            new Measurement<long>(one.Waiting, [.. Tags(one.Name, one.Version)])), description: "Images that wait for their search.");
        _meter.CreateObservableGauge("diffeonn_running_images", () => repository.Pending().Select(one =>
            new Measurement<long>(one.Running, [.. Tags(one.Name, one.Version)])), description: "Images that are searched.");
        _meter.CreateObservableGauge("diffeonn_model_ready", () => repository.Index().Select(one =>
            new Measurement<int>(one.State == ModelState.Ready ? 1 : 0, [.. Tags(one.Name, one.Version)])),
            description: "Whether a version takes requests.");

        void Add(string name, string description, Func<ModelStatistics, long> value) => _meter.CreateObservableGauge(
            name, () => repository.Statistics().Select(one => new Measurement<long>(value(one), [.. Tags(one.Name, one.Version)])),
            description: description);
    }

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();

    private static IEnumerable<KeyValuePair<string, object?>> Tags(string model, string version) =>
        [new("model", model), new("version", version)];
}
