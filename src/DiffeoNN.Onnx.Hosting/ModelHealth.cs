using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace DiffeoNN.Onnx.Hosting;

/// <summary>Whether a model can take requests; asks what is known and runs nothing.</summary>
internal sealed class ModelHealth(HostedModel model) : IHealthCheck
{
    /// <inheritdoc/>
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(Check());

    private HealthCheckResult Check()
    {
        if (!model.IsReady)
        {
            return model.Options.WarmsUp
                ? HealthCheckResult.Unhealthy($"Model '{model.Name}' is not loaded yet.")
                : HealthCheckResult.Healthy($"Model '{model.Name}' is loaded when it is first asked for.");
        }

        var loaded = model.Model;
        var data = new Dictionary<string, object>
        {
            ["device"] = loaded.Device.Reason, ["waiting"] = loaded.WaitingRequests, ["capacity"] = model.Options.QueueCapacity,
        };
        if (model.Fault is { } fault)
            return HealthCheckResult.Unhealthy($"The last run of model '{model.Name}' failed: {fault}", null, data);
        return loaded.WaitingRequests >= model.Options.QueueCapacity
            ? HealthCheckResult.Degraded($"{loaded.WaitingRequests} requests wait for model '{model.Name}'.", null, data)
            : HealthCheckResult.Healthy($"Model '{model.Name}' takes requests.", data);
    }
}
