using System.Diagnostics.Metrics;
using DiffeoNN.Onnx.Serving.Protocol;
using DiffeoNN.Onnx.Serving.Repository;

namespace DiffeoNN.Onnx.Serving.Server;

/// <summary>What models have done since they were loaded, under our own names, and, where that is asked for, under those that Triton's
/// metrics have where they mean the same.</summary>
/// <remarks>Counters begin anew where a version is loaded anew. Triton's have no suffix <c>_total</c> and are in microseconds, which
/// checkers of metrics find fault with.</remarks>
internal sealed class RepositoryMeter : IDisposable
{
    /// <summary>Name of the meter.</summary>
    public const string Name = "DiffeoNN.Onnx.Serving.Repository";

    private readonly Meter _meter = new(Name);

    /// <param name="repository">Is asked whenever metrics are.</param>
    /// <param name="hasTritonNames">Whether Triton's names are told, too.</param>
    /// <param name="info">What the server runs on; null before that is known.</param>
    public RepositoryMeter(ModelRepository repository, bool hasTritonNames, Func<ServerInfo?> info)
    {
        Count("diffeonn.requests", "{request}", "Requests that were answered.", one => one.Success.Count);
        Count("diffeonn.requests.failed", "{request}", "Requests that failed.", one => one.Fail.Count);
        Count("diffeonn.requests.images", "{image}", "Images, or rows, that were computed.", one => one.InferenceCount);
        Time("diffeonn.requests.time", "Time of requests.", one => one.Success.Nanoseconds);
        Time("diffeonn.requests.queue.time", "Time that requests waited.", one => one.Queue.Nanoseconds);
        Time("diffeonn.requests.compute.time", "Time of their computation.", one => one.Infer.Nanoseconds);
        _meter.CreateObservableGauge("diffeonn.images.waiting", () => repository.Pending().Select(one =>
            new Measurement<long>(one.Waiting, [.. Tags(one.Name, one.Version)])), "{image}", "Images that wait for their search.");
        _meter.CreateObservableGauge("diffeonn.images.running", () => repository.Pending().Select(one =>
            new Measurement<long>(one.Running, [.. Tags(one.Name, one.Version)])), "{image}", "Images that are searched.");
        _meter.CreateObservableGauge<int>("diffeonn.server.info", () =>
            info() is { } one ? new Measurement<int>[] { new(1, one.Tags()) } : [],
            description: "1; its labels say what the server runs on.");
        _meter.CreateObservableGauge("diffeonn.model.ready", () => Known(repository).Select(one =>
            new Measurement<int>(one.State == ModelState.Ready ? 1 : 0, [.. Tags(one.Name, one.Version)])),
            description: "Whether a version takes requests.");
        if (!hasTritonNames) return;
        Add("nv_inference_request_success", "Requests that were answered.", one => one.Success.Count);
        Add("nv_inference_request_failure", "Requests that failed.", one => one.Fail.Count);
        Add("nv_inference_count", "Images, or rows, that were computed.", one => one.InferenceCount);
        Add("nv_inference_exec_count", "Requests that were computed.", one => one.ExecutionCount);
        Add("nv_inference_request_duration_us", "Time of requests, in microseconds.", one => one.Success.Nanoseconds / 1000);
        Add("nv_inference_queue_duration_us", "Time that requests waited, in microseconds.", one => one.Queue.Nanoseconds / 1000);
        Add("nv_inference_compute_infer_duration_us", "Time of their computation, in microseconds.", one => one.Infer.Nanoseconds / 1000);
        _meter.CreateObservableGauge("nv_inference_pending_request_count", () => repository.Pending().Select(one =>
            new Measurement<long>(one.Waiting, [.. Tags(one.Name, one.Version)])), description: "Images that wait for their search.");

        void Count(string name, string unit, string description, Func<ModelStatistics, long> value) => _meter.CreateObservableCounter(
            name, () => repository.Statistics().Select(one => new Measurement<long>(value(one), [.. Tags(one.Name, one.Version)])),
            unit, description);

        void Time(string name, string description, Func<ModelStatistics, long> nanoseconds) => _meter.CreateObservableCounter(
            name, () => repository.Statistics().Select(one =>
                new Measurement<double>(nanoseconds(one) / 1e9, [.. Tags(one.Name, one.Version)])), "s", description);

        void Add(string name, string description, Func<ModelStatistics, long> value) => _meter.CreateObservableGauge(
            name, () => repository.Statistics().Select(one => new Measurement<long>(value(one), [.. Tags(one.Name, one.Version)])),
            description: description);
    }

    /// <summary>Versions that metrics tell of: those that are served, or are to be.</summary>
    public static IEnumerable<ModelStatus> Known(ModelRepository repository) =>
        repository.Index().Where(one => one.State != ModelState.Unavailable);

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();

    private static IEnumerable<KeyValuePair<string, object?>> Tags(string model, string version) =>
        [new("model", model), new("version", version)];
}
